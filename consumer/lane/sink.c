#include "consumer/lane/sink.h"

const struct sink store_sink = {.writes = true};
