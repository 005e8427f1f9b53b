/**
 * options: the table of the producer's options, for the reader, `config` and the documents.
 */
#ifndef STOCKSYNC_COMMANDS_OPTIONS_H
#define STOCKSYNC_COMMANDS_OPTIONS_H

#include "producer/app/producer_conf.h"

extern const struct conf_schema producer_conf_schema;

/** Adds the problems that the table cannot express. */
void producer_conf_check(const void *root, struct conf_problems *problems);

#endif
