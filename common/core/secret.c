#include "common/core/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/mem.h"

/* Through volatile, because a plain memset before free may be left out by the compiler. */
static void wipe(void *ptr, size_t len)
{
    volatile unsigned char *byte = ptr;
    while (len-- > 0) {
        *byte++ = 0;
    }
}

void secret_release(struct secret *s)
{
    if (s->value != NULL) {
        wipe(s->value, s->len);
        mem_free(s->value);
    }
    *s = (struct secret){0};
}

void secret_set(struct secret *s, const char *value)
{
    /* Copied first: value may be a part of the old one. */
    char *copy = mem_strdup(value);
    secret_release(s);
    s->value = copy;
    s->len = copy != NULL ? strlen(copy) : 0;
}

bool secret_is_set(const struct secret *s)
{
    return s->len > 0;
}

const char *secret_reveal(const struct secret *s)
{
    return s->value != NULL ? s->value : "";
}

static int open_secret(const char *path)
{
    const char *directory = getenv("CREDENTIALS_DIRECTORY");
    if (directory != NULL && strchr(path, '/') == NULL) {
        char full[PATH_MAX];
        int len = snprintf(full, sizeof full, "%s/%s", directory, path);
        if (len > 0 && (size_t)len < sizeof full) {
            int fd = open(full, O_RDONLY | O_CLOEXEC);
            if (fd >= 0 || errno != ENOENT) {
                return fd;
            }
        }
    }
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* Reads up to size bytes. @return how many, -1 with errno */
static ssize_t read_up_to(int fd, char *out, size_t size)
{
    size_t len = 0;
    while (len < size) {
        ssize_t n = read(fd, out + len, size - len);
        if (n < 0 && errno != EINTR) {
            return -1;
        }
        if (n == 0) {
            break;
        }
        if (n > 0) {
            len += (size_t)n;
        }
    }
    return (ssize_t)len;
}

static size_t trimmed_length(const char *text, size_t len)
{
    while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL && text[len - 1] != '\0') {
        len--;
    }
    return len;
}

/* A control character, and above all a line end, would end up inside a header of a request. */
static bool has_control(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7F) {
            return true;
        }
    }
    return false;
}

enum status secret_read_file(struct secret *s, const char *path, struct err *err)
{
    enum status rc = STATUS_OK;
    char text[SECRET_MAX_BYTES + 2]; /* one more than allowed, and the end */
    int fd = open_secret(path);
    if (fd < 0) {
        return err_set(err, STATUS_CONFIG, "cannot open '%s': %s", path, strerror(errno));
    }
    ssize_t n = read_up_to(fd, text, SECRET_MAX_BYTES + 1);
    if (n < 0) {
        rc = err_set(err, STATUS_CONFIG, "cannot read '%s': %s", path, strerror(errno));
        goto out;
    }
    if (n > SECRET_MAX_BYTES) {
        rc = err_set(err, STATUS_CONFIG, "'%s' is larger than %d bytes", path, SECRET_MAX_BYTES);
        goto out;
    }
    size_t len = trimmed_length(text, (size_t)n);
    if (len == 0) {
        rc = err_set(err, STATUS_CONFIG, "'%s' is empty", path);
        goto out;
    }
    if (has_control(text, len)) {
        rc = err_set(err, STATUS_CONFIG, "'%s' holds control characters or several lines", path);
        goto out;
    }
    text[len] = '\0';
    secret_set(s, text);
out:
    wipe(text, sizeof text);
    (void)close(fd);
    return rc;
}
