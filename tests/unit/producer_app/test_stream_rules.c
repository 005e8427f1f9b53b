#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "producer/app/stream_rules.h"

static int64_t first_offsets[3];
static int64_t next_offsets[3];
static struct topic_partition_facts partitions[4];
static struct topic_facts facts;
static struct stream known;
static struct leader_identity identity;
static struct stream_found found;
static struct err err;

static int start(void **state)
{
    (void)state;
    identity = (struct leader_identity){.system_identifier = 77, .timeline = 3, .database = "uuid"};
    for (int64_t i = 0; i < 3; i++) {
        next_offsets[i] = 10 * i;
        partitions[i].end = 10 * i;
    }
    facts = (struct topic_facts){.cluster = "kafka", .partition = partitions, .count = 3};
    known = (struct stream){.exists = true,
                            .topic = "stock",
                            .cluster = "kafka",
                            .identity = identity,
                            .settled = 1000,
                            .first_revision = 900,
                            .partition_count = 3,
                            .first_offsets = first_offsets,
                            .next_offsets = next_offsets};
    found = (struct stream_found){.topic = "stock",
                                  .facts = &facts,
                                  .identity = &identity,
                                  .settled = 1000,
                                  .newest_revision = 1500,
                                  .ceiling = 1500};
    return 0;
}

static void assert_goes_on(void)
{
    const char *why = "unset";
    assert_int_equal(stream_judge(&known, &found, &why, &err), STREAM_GOES_ON);
    assert_null(why);
}

static void assert_begins(const char *expected)
{
    const char *why = NULL;
    assert_int_equal(stream_judge(&known, &found, &why, &err), STREAM_BEGINS);
    assert_string_equal(why, expected);
}

static void stream_goes_on_while_all_is_as_it_was(void **state)
{
    (void)state;
    assert_goes_on();
    partitions[0].end = 5000; /* records of a leader that died, and markers */
    found.settled = 1400;     /* not noted yet */
    assert_goes_on();
    found.newest_revision = 0; /* nothing behind what is settled */
    assert_goes_on();
}

static void stream_of_a_new_state_depends_on_the_topic(void **state)
{
    (void)state;
    known = (struct stream){0};
    assert_begins("state");
    memset(partitions, 0, sizeof partitions);
    assert_begins("first");
}

static void stream_begins_in_another_topic_or_cluster(void **state)
{
    (void)state;
    found.topic = "other";
    assert_begins("topic");
    found.topic = "stock";
    facts.cluster[0] = 'K';
    assert_begins("cluster");
}

static void stream_begins_when_offsets_went_back_in_any_partition(void **state)
{
    (void)state;
    partitions[2].end = 19;
    assert_begins("topic");
    partitions[2].end = 20;
    found.has_lost = true;
    assert_begins("topic");
    found.has_lost = false;
    found.is_strange = true;
    assert_begins("topic");
}

static void stream_begins_when_the_topic_is_empty_and_records_were_settled(void **state)
{
    (void)state;
    memset(next_offsets, 0, sizeof next_offsets);
    memset(partitions, 0, sizeof partitions);
    assert_begins("topic");
    found.settled = 900; /* nothing was published in this stream */
    known.settled = 0;
    assert_goes_on();
}

static void stream_with_other_partitions_is_refused_until_a_person_wants_them(void **state)
{
    const char *why = NULL;
    (void)state;
    for (size_t count = 2; count <= 4; count += 2) {
        facts.count = count;
        assert_int_equal(stream_judge(&known, &found, &why, &err), STREAM_REFUSED);
        assert_int_equal(err.status, STATUS_TOPIC_UNFIT);
        assert_non_null(strstr(err.msg, "install --partitions"));
    }
    known.wanted_partitions = 4;
    assert_begins("partitions");
    facts.count = 5;
    assert_int_equal(stream_judge(&known, &found, &why, &err), STREAM_REFUSED);
}

static void stream_begins_over_another_database(void **state)
{
    (void)state;
    identity.system_identifier = 78;
    assert_begins("server");
    identity.system_identifier = 77;
    identity.timeline = 4;
    assert_begins("timeline");
    identity.timeline = 3;
    identity.database[0] = 'U';
    assert_begins("database");
}

static void stream_begins_when_database_or_state_went_back(void **state)
{
    (void)state;
    identity.database_oid = 1; /* created again from a dump */
    assert_begins("restored");
    identity.database_oid = 0;
    found.settled = 999; /* Odoo's database was restored, the state was not */
    assert_begins("restored");
    found.settled = 1000;
    found.newest_revision = 1501; /* the state forgot that it issued it */
    assert_begins("restored");
    /* A restored state does not know the records that come after its own. */
    found.is_strange = true;
    assert_begins("restored");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, start)
        TEST(stream_goes_on_while_all_is_as_it_was),
        TEST(stream_of_a_new_state_depends_on_the_topic),
        TEST(stream_begins_in_another_topic_or_cluster),
        TEST(stream_begins_when_offsets_went_back_in_any_partition),
        TEST(stream_begins_when_the_topic_is_empty_and_records_were_settled),
        TEST(stream_with_other_partitions_is_refused_until_a_person_wants_them),
        TEST(stream_begins_over_another_database),
        TEST(stream_begins_when_database_or_state_went_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
