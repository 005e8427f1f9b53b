#include "common/core/fault.h"

#ifdef STOCKSYNC_FAULTS

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/core/status.h"

#define MAX_FAULTS 16

enum action { ACTION_KILL, ACTION_STOP, ACTION_DELAY };

struct fault {
    char name[64];
    enum action action;
    long delay_ms;
    unsigned long nth; /* 0: every passage */
    atomic_ulong passages;
};

/* Filled once from the environment, then only the counters change. */
static struct fault faults[MAX_FAULTS];
static size_t fault_count;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static unsigned long number(const char *text, const char *whole)
{
    char *end = NULL;
    unsigned long value = strtoul(text, &end, 10);
    INVARIANT(end != text && *end == '\0' && value <= 86400000, "STOCKSYNC_FAULT: '%s'", whole);
    return value;
}

static void parse_action(struct fault *fault, const char *text, const char *whole)
{
    static const char DELAY[] = "delay=";
    if (strcmp(text, "kill") == 0) {
        fault->action = ACTION_KILL;
    } else if (strcmp(text, "stop") == 0) {
        fault->action = ACTION_STOP;
    } else {
        INVARIANT(strncmp(text, DELAY, strlen(DELAY)) == 0, "STOCKSYNC_FAULT: '%s'", whole);
        fault->action = ACTION_DELAY;
        fault->delay_ms = (long)number(text + strlen(DELAY), whole);
    }
}

/* A mistake here is one of the test that set the variable, so it must not pass unseen. */
static void parse(const char *text, size_t len)
{
    char whole[128];
    char part[128];
    INVARIANT(fault_count < MAX_FAULTS && len < sizeof whole,
              "STOCKSYNC_FAULT: too many or too long");
    (void)memcpy(whole, text, len);
    whole[len] = '\0';
    (void)memcpy(part, whole, len + 1);
    struct fault *fault = &faults[fault_count];
    char *action = strchr(part, ':');
    INVARIANT(action != NULL && (size_t)(action - part) < sizeof fault->name,
              "STOCKSYNC_FAULT: '%s'", whole);
    *action++ = '\0';
    (void)memcpy(fault->name, part, strlen(part) + 1);
    char *nth = strchr(action, ':');
    if (nth != NULL) {
        *nth++ = '\0';
        fault->nth = number(nth, whole);
    }
    parse_action(fault, action, whole);
    fault_count++;
}

static void parse_environment(void)
{
    const char *text = getenv("STOCKSYNC_FAULT");
    while (text != NULL && *text != '\0') {
        size_t len = strcspn(text, ",");
        parse(text, len);
        text += len + (text[len] == ',' ? 1 : 0);
    }
}

static void act(const struct fault *fault)
{
    struct timespec delay = {.tv_sec = fault->delay_ms / 1000,
                             .tv_nsec = fault->delay_ms % 1000 * 1000000};
    switch (fault->action) {
    case ACTION_KILL:
        (void)raise(SIGKILL);
        break;
    case ACTION_STOP:
        (void)raise(SIGSTOP);
        break;
    case ACTION_DELAY:
        (void)nanosleep(&delay, NULL);
        break;
    }
}

void fault_reach(const char *name)
{
    (void)pthread_once(&once, parse_environment);
    for (size_t i = 0; i < fault_count; i++) {
        struct fault *fault = &faults[i];
        if (strcmp(fault->name, name) == 0) {
            unsigned long passage = atomic_fetch_add(&fault->passages, 1) + 1;
            if (fault->nth == 0 || fault->nth == passage) {
                act(fault);
            }
        }
    }
}

#else

/* ISO C wants at least one declaration in a file. */
extern int fault_points_are_compiled_out;

#endif
