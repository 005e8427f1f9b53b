#include "common/http/http_url.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "common/http/http_text.h"

static bool is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    char bare[INET6_ADDRSTRLEN];
    if (strcasecmp(host, "localhost") == 0) {
        return true; /* curl resolves this name itself, always to the loopback addresses */
    }
    if (inet_pton(AF_INET, host, &v4) == 1) {
        return (ntohl(v4.s_addr) >> 24) == 127;
    }
    size_t len = strlen(host);
    if (len < 2 || len - 2 >= sizeof bare || host[0] != '[' || host[len - 1] != ']') {
        return false;
    }
    (void)memcpy(bare, host + 1, len - 2);
    bare[len - 2] = '\0';
    return inet_pton(AF_INET6, bare, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

/* The parts that curl found; NULL: not there. */
struct parts {
    char *scheme;
    char *host;
    char *credential; /* user or password */
};

static enum status
judge_parts(const struct parts *parts, struct http_address *address, struct err *err)
{
    if (parts->scheme == NULL || parts->host == NULL || parts->host[0] == '\0') {
        return err_set(err, STATUS_CONFIG, "an address needs a scheme and a host");
    }
    if (parts->credential != NULL) {
        return err_set(err, STATUS_CONFIG, "the address of host '%s' must not hold credentials",
                       parts->host);
    }
    bool plain = strcasecmp(parts->scheme, "http") == 0;
    if (!plain && strcasecmp(parts->scheme, "https") != 0) {
        return err_set(err, STATUS_CONFIG, "scheme '%s' is not allowed: use https", parts->scheme);
    }
    if (plain && !is_loopback(parts->host)) {
        return err_set(err, STATUS_CONFIG,
                       "http is allowed to loopback addresses alone: use https for host '%s'",
                       parts->host);
    }
    address->plain = plain;
    http_text_printable(address->host, sizeof address->host, parts->host);
    return STATUS_OK;
}

static char *part_of(CURLU *url, CURLUPart part)
{
    char *text = NULL;
    return curl_url_get(url, part, &text, 0) == CURLUE_OK ? text : NULL;
}

static enum status judge(CURLU *url, struct http_address *address, struct err *err)
{
    struct parts parts = {.scheme = part_of(url, CURLUPART_SCHEME),
                          .host = part_of(url, CURLUPART_HOST),
                          .credential = part_of(url, CURLUPART_USER)};
    if (parts.credential == NULL) {
        parts.credential = part_of(url, CURLUPART_PASSWORD);
    }
    enum status rc = judge_parts(&parts, address, err);
    curl_free(parts.scheme);
    curl_free(parts.host);
    curl_free(parts.credential);
    return rc;
}

enum status http_url_judge(const char *url, struct http_address *address, struct err *err)
{
    CURLU *parsed = curl_url();
    INVARIANT(parsed != NULL, "curl_url failed");
    CURLUcode code = curl_url_set(parsed, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME);
    enum status rc =
        code == CURLUE_OK
            ? judge(parsed, address, err)
            : err_set(err, STATUS_CONFIG, "an address cannot be used: %s", curl_url_strerror(code));
    curl_url_cleanup(parsed);
    return rc;
}
