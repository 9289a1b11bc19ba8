/* SPDX-License-Identifier: GPL-2.0 */
/* Stands in for the kernel's header in host builds. */
#ifndef AXL_HOST_MINMAX_H
#define AXL_HOST_MINMAX_H

#define min_t(type, x, y) ({		\
	type _x = (x);			\
	type _y = (y);			\
	_x < _y ? _x : _y; })

/* As strict as the kernel's: both must have one type. */
#define min(x, y) ({			\
	__typeof__(x) _mx = (x);	\
	__typeof__(y) _my = (y);	\
	(void)(&_mx == &_my);		\
	_mx < _my ? _mx : _my; })

#endif
