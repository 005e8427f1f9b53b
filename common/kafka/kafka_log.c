#include "common/kafka/kafka_log.h"

#include "common/core/logger.h"

#define MOD "kafka"

/* syslog's levels: 0 to 3 are failures, 4 warning, 5 notice, 6 info, 7 debug. */
static enum log_level level_of(int syslog_level)
{
    if (syslog_level <= 3) {
        return LOG_ERROR;
    }
    if (syslog_level == 4) {
        return LOG_WARN;
    }
    return syslog_level <= 6 ? LOG_INFO : LOG_DEBUG;
}

static void on_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    (void)client;
    enum log_level ours = level_of(level);
    /* The library retries its errors (3: a broker cannot be reached). A failure that matters is
     * logged with the decision. */
    if (ours == LOG_ERROR) {
        ours = LOG_WARN;
    }
    if (log_enabled(ours)) {
        log_write(ours, MOD, "client", LOG_FIELDS(LF_TEXT("facility", facility), LF_MSG(text)));
    }
}

void kafka_log_error_event(const rd_kafka_t *client, int code, const char *reason)
{
    (void)client;
    log_warn(MOD, "client_error", LF_TEXT("origin", rd_kafka_err2name((rd_kafka_resp_err_t)code)),
             LF_MSG(reason));
}

static void on_error(rd_kafka_t *client, int code, const char *reason, void *opaque)
{
    (void)opaque;
    kafka_log_error_event(client, code, reason);
}

void kafka_log_attach(rd_kafka_conf_t *conf)
{
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_error_cb(conf, on_error);
}
