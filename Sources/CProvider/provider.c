// What is not selected here does not exist for the program, so nobody can talk it into using it either.
#include "provider.h"
#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/provider.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

// The first names of the algorithms of one operation, NULL at the end.
typedef struct cprovider_selection {
    int operation;
    const char *names[16];
} cprovider_selection;

// Operations that are not listed have all of their algorithms.
static const cprovider_selection cprovider_selections[] = {
    {OSSL_OP_DIGEST, {"SHA1", "SHA2-224", "SHA2-256", "SHA2-384", "SHA2-512"}},
    // GCM and ChaCha20 for TLS, CTR for the random generator, CBC for the tickets that a server gives out.
    {OSSL_OP_CIPHER,
     {"AES-128-GCM", "AES-256-GCM", "ChaCha20-Poly1305", "AES-256-CTR", "AES-256-CBC", "AES-256-ECB"}},
    {OSSL_OP_MAC, {"HMAC"}},
    {OSSL_OP_KDF, {"HKDF", "TLS13-KDF", "TLS1-PRF"}},
    {OSSL_OP_RAND, {"CTR-DRBG", "SEED-SRC"}},
    // HMAC as a key signs the ticket of a session that is resumed (RFC 8446 section 4.2.11.2).
    {OSSL_OP_KEYMGMT, {"RSA", "RSA-PSS", "EC", "X25519", "ED25519", "HMAC"}},
    {OSSL_OP_KEYEXCH, {"ECDH", "X25519"}},
    {OSSL_OP_SIGNATURE, {"RSA", "ECDSA", "ED25519", "HMAC"}},
    {OSSL_OP_DECODER, {"DER", "RSA", "RSA-PSS", "EC", "X25519", "ED25519"}},
};
enum { CPROVIDER_SELECTIONS = sizeof cprovider_selections / sizeof *cprovider_selections };

// The default provider's beginning; absent where OpenSSL is a shared library, which keeps it to itself.
extern OSSL_provider_init_fn ossl_default_provider_init __attribute__((weak));

static OSSL_FUNC_provider_query_operation_fn *cprovider_query_all;

static bool cprovider_is_selected(const OSSL_ALGORITHM *algorithm, const cprovider_selection *selection) {
    size_t length = strcspn(algorithm->algorithm_names, ":");
    for (const char *const *name = selection->names; *name != NULL; name++) {
        if (strlen(*name) == length && memcmp(*name, algorithm->algorithm_names, length) == 0) return true;
    }
    return false;
}

// Those of `all` that are selected, or NULL without memory for the list, which is kept.
static const OSSL_ALGORITHM *cprovider_select(const OSSL_ALGORITHM *all,
                                              const cprovider_selection *selection) {
    size_t count = 0;
    for (const OSSL_ALGORITHM *each = all; each->algorithm_names != NULL; each++) {
        count += cprovider_is_selected(each, selection);
    }
    OSSL_ALGORITHM *selected = calloc(count + 1, sizeof *selected);
    if (selected == NULL) return NULL;
    count = 0;
    for (const OSSL_ALGORITHM *each = all; each->algorithm_names != NULL; each++) {
        if (cprovider_is_selected(each, selection)) selected[count++] = *each;
    }
    return selected;
}

// The provider's answer to which algorithms an operation has.
static const OSSL_ALGORITHM *cprovider_query(void *context, int operation, int *uncached) {
    static const OSSL_ALGORITHM *selected[CPROVIDER_SELECTIONS];
    const OSSL_ALGORITHM *all = cprovider_query_all(context, operation, uncached);
    if (all == NULL) return NULL;
    for (int i = 0; i < CPROVIDER_SELECTIONS; i++) {
        if (cprovider_selections[i].operation != operation) continue;
        if (selected[i] == NULL) selected[i] = cprovider_select(all, &cprovider_selections[i]);
        return selected[i];
    }
    return all;
}

// Begins the default provider and takes its place in answering the query above.
static int cprovider_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *core,
                                   const OSSL_DISPATCH **dispatch, void **context) {
    static OSSL_DISPATCH table[16];
    const OSSL_DISPATCH *functions = NULL;
    if (ossl_default_provider_init(handle, core, &functions, context) != 1) return 0;
    for (size_t i = 0; i + 1 < sizeof table / sizeof *table; i++) {
        table[i] = functions[i];
        if (functions[i].function_id == OSSL_FUNC_PROVIDER_QUERY_OPERATION) {
            cprovider_query_all = OSSL_FUNC_provider_query_operation(&functions[i]);
            table[i].function = (void (*)(void))cprovider_query;
        }
        if (functions[i].function_id == 0) {
            *dispatch = table;
            return cprovider_query_all != NULL;
        }
    }
    return 0;
}

int cprovider_select_algorithms(void) {
    if (ossl_default_provider_init == NULL) return 1;
    return OSSL_PROVIDER_add_builtin(NULL, "selected", cprovider_provider_init) == 1 &&
           OSSL_PROVIDER_load(NULL, "selected") != NULL;
}
