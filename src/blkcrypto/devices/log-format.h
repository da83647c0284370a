/* SPDX-License-Identifier: GPL-3.0-or-later */
/* log-format.h - the file that a log device writes */
#ifndef BLKCRYPTO_DEVICES_LOG_FORMAT_H
#define BLKCRYPTO_DEVICES_LOG_FORMAT_H

#include <stdint.h>

/*
 * Records, one after the other, each written by one write(2) with O_APPEND, so that anybody may add
 * a mark. Numbers are little endian. Objects are known by their inode numbers: an operation that
 * makes one says which number it has from then on, and each mount begins with BLK_META_BASE for
 * each name that the store has, directories before what is in them: with mode and, of a file, its
 * size as the length. The root is the first and has no name; flags 1 is a file
 * that mounts change without the log.
 *
 *	offset	bytes
 *	0	4	"FUSL"
 *	4	2	operation
 *	6	2	1: it failed, and may have happened in part
 *	8	8	inode number of the object that it is about, 0 if that has only a name
 *	16	8	inode number of the directory that the first name is in
 *	24	8	inode number of the directory that the second name is in
 *	32	8	position in the object; or the number of a special file
 *	40	8	length, where there is no data
 *	48	4	mode
 *	52	4	flags of the operation
 *	56	2	length of the first name
 *	58	2	length of the second name
 *	60	4	length of the data
 *	64		first name, second name, data
 */
#define LOG_MAGIC	"FUSL"
#define LOG_HEADER_SIZE 64
#define LOG_FAILED	1u

/* Operations: those of enum blk_meta_op from LOG_META on. */
#define LOG_WRITE 1u /* object, position, data */
#define LOG_FLUSH 2u /* object; flags 1: with all that belongs to it, else what its data need */
#define LOG_META  16u

#define LOG_BASE_UNRECORDED 1u /* flags of BLK_META_BASE */

#endif
