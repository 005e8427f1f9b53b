/**
 * attributes: the compiler attributes that headers use, by name.
 */
#ifndef STOCKSYNC_CORE_ATTRIBUTES_H
#define STOCKSYNC_CORE_ATTRIBUTES_H

#define NODISCARD         __attribute__((warn_unused_result))
#define NORETURN          __attribute__((noreturn))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

#endif
