#include "common/http/ca_bundle.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BEGINS "-----BEGIN CERTIFICATE-----"

/* @return 0, or errno; text keeps the bytes read before */
static int append_file(const char *path, struct strbuf *text)
{
    char part[16384];
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return errno;
    }
    size_t n = 0;
    while ((n = fread(part, 1, sizeof part, file)) > 0) {
        strbuf_append(text, part, n);
    }
    int failed = ferror(file) != 0 ? EIO : 0; /* a directory opens, but cannot be read */
    (void)fclose(file);
    return failed;
}

enum status
ca_bundle_read(const char *system_file, const char *ca_file, struct strbuf *text, struct err *err)
{
    int failed = append_file(ca_file, text);
    if (failed != 0) {
        return err_set(err, STATUS_STORE_MISCONFIGURED, "cannot read ca_file '%s': %s", ca_file,
                       strerror(failed));
    }
    if (strstr(text->ptr, BEGINS) == NULL) {
        return err_set(err, STATUS_STORE_MISCONFIGURED,
                       "ca_file '%s' holds no certificate in PEM form (%s)", ca_file, BEGINS);
    }
    strbuf_append_char(text, '\n'); /* the last line of a file may lack its end */
    if (system_file != NULL) {
        (void)append_file(system_file, text);
    }
    return text->overflow ? err_set(err, STATUS_STORE_MISCONFIGURED,
                                    "ca_file '%s' and the system's authorities are larger than "
                                    "%zu bytes together",
                                    ca_file, CA_BUNDLE_MAX_BYTES)
                          : STATUS_OK;
}
