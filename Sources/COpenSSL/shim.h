// OpenSSL for Swift: the headers, and as inline functions the macros that Swift cannot import.
#pragma once
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#pragma clang assume_nonnull begin

/// No configuration file, and no tables of what is hardly needed: of the names of all ciphers and digests,
/// and of errors' texts, see below. To be called before anything else.
static inline int copenssl_initialize(void) {
    uint64_t without = OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ADD_ALL_CIPHERS |
                       OPENSSL_INIT_NO_ADD_ALL_DIGESTS | OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS;
    return OPENSSL_init_crypto(without, NULL) == 1 &&
           OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_LOAD_SSL_STRINGS, NULL) == 1;
}
/// The digests that certificates name. To be called when the algorithms are selected: what has a name before
/// the first of them is asked for is copied, with all its other names, to where algorithms have theirs.
static inline int copenssl_add_digests(void) {
    EVP_MD *first = EVP_MD_fetch(NULL, "SHA2-256", NULL);
    EVP_MD_free(first);
    return first != NULL && EVP_add_digest(EVP_sha1()) == 1 && EVP_add_digest(EVP_sha224()) == 1 &&
           EVP_add_digest(EVP_sha256()) == 1 && EVP_add_digest(EVP_sha384()) == 1 &&
           EVP_add_digest(EVP_sha512()) == 1;
}
/// Loads the texts of errors that TLS, certificates and keys can meet. OpenSSL has no newer call for it than
/// these, which a program needs only if it has told OpenSSL not to load all of them at once.
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wdeprecated-declarations"
static inline void copenssl_load_reasons(void) {
    ERR_load_ERR_strings();
    ERR_load_SSL_strings();
    ERR_load_X509_strings();
    ERR_load_X509V3_strings();
    ERR_load_PEM_strings();
    ERR_load_ASN1_strings();
    ERR_load_EVP_strings();
    ERR_load_RSA_strings();
    ERR_load_EC_strings();
    ERR_load_BIO_strings();
}
#pragma clang diagnostic pop
static inline long copenssl_set_min_proto_tls12(SSL_CTX *context) {
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
}
/// Of TLS 1.2 what has forward secrecy and an AEAD cipher; of 1.3 everything has. AES-128 before AES-256, as
/// browsers have it: a key of 128 bits is safe, its rounds are fewer, and SHA-256, which derives the keys, is
/// an instruction of today's processors.
static inline int copenssl_set_ciphers(SSL_CTX *context) {
    return SSL_CTX_set_ciphersuites(
               context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") == 1 &&
           SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM+AES128:ECDHE+AESGCM:ECDHE+CHACHA20") == 1;
}
/// AUTO_RETRY, which is the default, is relied on: a read that wants more has taken all that there was.
static inline void copenssl_set_modes(SSL_CTX *context) {
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
}
static inline void copenssl_set_client_session_cache(SSL_CTX *context) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
}
static inline long copenssl_set_server_name(SSL *session, const char *name) {
    return SSL_set_tlsext_host_name(session, name);
}
/// Whom the peer's certificate must chain up to; the session keeps a reference of its own.
static inline long copenssl_set_anchors(SSL *session, X509_STORE *anchors) {
    return SSL_set1_verify_cert_store(session, anchors);
}
static inline BIO *_Nullable copenssl_memory_bio(const void *bytes, int length) {
    return BIO_new_mem_buf(bytes, length);
}
static inline int copenssl_pem_error_is_end(void) {
    unsigned long error = ERR_peek_last_error();
    return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}
/// The type of a name's entry that is UTF-8 text.
static inline int copenssl_utf8_string(void) { return MBSTRING_UTF8; }
/// Takes over `certificate` when it returns 1.
static inline long copenssl_add_chain_certificate(SSL_CTX *context, X509 *certificate) {
    return SSL_CTX_add0_chain_cert(context, certificate);
}
/// The public key with this modulus and exponent, big-endian; NULL when there is none.
static inline EVP_PKEY *_Nullable copenssl_rsa_public_key(const unsigned char *modulus, size_t modulus_length,
                                                          const unsigned char *exponent,
                                                          size_t exponent_length) {
    EVP_PKEY *key = NULL;
    BIGNUM *n = BN_bin2bn(modulus, (int)modulus_length, NULL);
    BIGNUM *e = BN_bin2bn(exponent, (int)exponent_length, NULL);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    OSSL_PARAM *parameters = NULL;
    if (n != NULL && e != NULL && builder != NULL && context != NULL &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) == 1 &&
        (parameters = OSSL_PARAM_BLD_to_param(builder)) != NULL && EVP_PKEY_fromdata_init(context) == 1) {
        if (EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1) key = NULL;
    }
    OSSL_PARAM_free(parameters);
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_BLD_free(builder);
    BN_free(e);
    BN_free(n);
    return key;
}

/// What OpenSSL reads and writes in place of a socket: the input of one call, and the output that has not
/// been taken since.
typedef struct copenssl_pipe {
    const unsigned char *_Nullable input;
    size_t input_length;
    unsigned char *_Nullable output;
    size_t output_length;
    size_t output_room;
} copenssl_pipe;

static inline void copenssl_pipe_feed(copenssl_pipe *pipe, const void *_Nullable bytes, size_t length) {
    pipe->input = (const unsigned char *)bytes;
    pipe->input_length = length;
}

/// Forgets the output, and its memory where it is more than `kept` bytes.
static inline void copenssl_pipe_clear(copenssl_pipe *pipe, size_t kept) {
    pipe->output_length = 0;
    if (pipe->output_room <= kept) return;
    free(pipe->output);
    pipe->output = NULL;
    pipe->output_room = 0;
}

static inline int copenssl_pipe_read(BIO *bio, char *bytes, int count) {
    copenssl_pipe *pipe = (copenssl_pipe *)BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (pipe->input_length == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t taken = pipe->input_length < (size_t)count ? pipe->input_length : (size_t)count;
    memcpy(bytes, pipe->input, taken);
    pipe->input += taken;
    pipe->input_length -= taken;
    return (int)taken;
}

static inline int copenssl_pipe_write(BIO *bio, const char *bytes, int count) {
    copenssl_pipe *pipe = (copenssl_pipe *)BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    size_t length = pipe->output_length + (size_t)count;
    if (length > pipe->output_room) {
        size_t room = length < 4096 ? 4096 : length * 2;
        unsigned char *output = (unsigned char *)realloc(pipe->output, room);
        if (output == NULL) return -1;
        pipe->output = output;
        pipe->output_room = room;
    }
    memcpy(pipe->output + pipe->output_length, bytes, (size_t)count);
    pipe->output_length = length;
    return count;
}

static inline long copenssl_pipe_ctrl(BIO *bio, int command, long number, void *_Nullable pointer) {
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

/// A BIO that reads and writes `pipe`; NULL when there is no memory. The method is made once and kept.
static inline BIO *_Nullable copenssl_pipe_bio(copenssl_pipe *pipe) {
    static BIO_METHOD *method;
    if (method == NULL) {
        method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "pipe");
        if (method == NULL) return NULL;
        BIO_meth_set_read(method, copenssl_pipe_read);
        BIO_meth_set_write(method, copenssl_pipe_write);
        BIO_meth_set_ctrl(method, copenssl_pipe_ctrl);
    }
    BIO *bio = BIO_new(method);
    if (bio == NULL) return NULL;
    BIO_set_data(bio, pipe);
    BIO_set_init(bio, 1);
    return bio;
}

#pragma clang assume_nonnull end
