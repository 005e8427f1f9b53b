#include "common/http/http_certificate.h"

/* Of OpenSSL's X509_V_ERR_… (x509_vfy.h). libcurl reports a wrong host name as the first one. */
#define VERIFY_UNSPECIFIED   1L
#define VERIFY_NOT_YET_VALID 9L
#define VERIFY_EXPIRED       10L

bool http_certificate_is_refused(CURLcode result)
{
    return result == CURLE_PEER_FAILED_VERIFICATION || result == CURLE_SSL_CACERT_BADFILE;
}

static void explain_authorities(const struct http_refusal *r, struct err *err)
{
    if (r->ca_file != NULL) {
        (void)err_set_origin(err, STATUS_STORE_MISCONFIGURED, r->origin,
                             "ca_file '%s' holds a certificate that cannot be read (%s): write it "
                             "again, in PEM form",
                             r->ca_file, r->text);
    } else {
        (void)err_set_origin(err, STATUS_STORE_MISCONFIGURED, r->origin,
                             "the system's certificate authorities cannot be read (%s): install "
                             "ca-certificates",
                             r->text);
    }
}

static void explain_signature(const struct http_refusal *r, struct err *err)
{
    if (r->ca_file != NULL) {
        (void)err_set_origin(err, STATUS_STORE_MISCONFIGURED, r->origin,
                             "neither the system's authorities nor ca_file '%s' vouch for '%s' "
                             "(%s): put the authority that signed its certificate into that file",
                             r->ca_file, r->host, r->text);
    } else {
        (void)err_set_origin(err, STATUS_STORE_MISCONFIGURED, r->origin,
                             "no authority of this system vouches for '%s' (%s): when a proxy or "
                             "an authority of your own is in between, name its certificate in "
                             "ca_file",
                             r->host, r->text);
    }
}

void http_certificate_explain(const struct http_refusal *r, struct err *err)
{
    long why = 0;
    (void)curl_easy_getinfo(r->easy, CURLINFO_SSL_VERIFYRESULT, &why);
    if (r->result == CURLE_SSL_CACERT_BADFILE) {
        explain_authorities(r, err);
    } else if (why == VERIFY_NOT_YET_VALID || why == VERIFY_EXPIRED) {
        (void)err_set_origin(err, STATUS_STORE_MISCONFIGURED, r->origin,
                             "the certificate of '%s' is not valid now (%s): it must be renewed "
                             "there, or the clock here is wrong",
                             r->host, r->text);
    } else if (why <= VERIFY_UNSPECIFIED) {
        (void)err_set_origin(err, STATUS_STORE_MISCONFIGURED, r->origin,
                             "the certificate of '%s' is another host's (%s): the address must be "
                             "a name in the certificate",
                             r->host, r->text);
    } else {
        explain_signature(r, err);
    }
}
