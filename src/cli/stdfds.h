/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stdfds.h - standard input, output and error are taken, whatever the caller has closed */
#ifndef CLI_STDFDS_H
#define CLI_STDFDS_H

/*
 * First thing in main(). A descriptor from 0 to 2 that is closed gets something that fails when it
 * is used: else the next file to be opened would be it, and a message go into an image, or a key
 * that is to go to standard output be lost without a word. 0 or -errno. Context: one thread.
 */
int stdfds_open(void);

#endif
