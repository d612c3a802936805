// What is not selected here does not exist for the program, so nobody can talk it into using it either.
#include "provider.h"
#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

// The first names of the algorithms of one operation, NULL at the end; after a blank, where it stands, a
// property that is asked for too.
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
    // By what they read as well, since each key that is read tries all of them in pairs: public keys of
    // certificates, and private keys (PKCS #8, for RSA PKCS #1 too), in PEM or not.
    {OSSL_OP_DECODER,
     {"DER input=pem", "DER structure=SubjectPublicKeyInfo", "RSA structure=SubjectPublicKeyInfo",
      "RSA structure=PrivateKeyInfo", "RSA structure=type-specific", "RSA-PSS structure=SubjectPublicKeyInfo",
      "EC structure=SubjectPublicKeyInfo", "EC structure=PrivateKeyInfo",
      "ED25519 structure=SubjectPublicKeyInfo"}},
};
enum { CPROVIDER_SELECTIONS = sizeof cprovider_selections / sizeof *cprovider_selections };

// The default provider's beginning; absent where OpenSSL is a shared library, which keeps it to itself.
extern OSSL_provider_init_fn ossl_default_provider_init __attribute__((weak));

// The groups that those can agree on a key in; each that is offered is looked for at every start.
static const char *const cprovider_groups[] = {"x25519", "secp256r1", "secp384r1", "secp521r1", NULL};

static OSSL_FUNC_provider_query_operation_fn *cprovider_query_all;
static OSSL_FUNC_provider_get_capabilities_fn *cprovider_get_all_capabilities;

// Whether the first of an algorithm's names, which colons part, is the one before the blank.
static bool cprovider_is_named(const OSSL_ALGORITHM *algorithm, const char *name) {
    const char *first = algorithm->algorithm_names;
    while (*name != '\0' && *name != ' ' && *name == *first) name++, first++;
    return (*name == '\0' || *name == ' ') && (*first == '\0' || *first == ':');
}

static bool cprovider_is_selected(const OSSL_ALGORITHM *algorithm, const cprovider_selection *selection) {
    for (const char *const *name = selection->names; *name != NULL; name++) {
        if (!cprovider_is_named(algorithm, *name)) continue;
        const char *property = strchr(*name, ' ');
        if (property == NULL || strstr(algorithm->property_definition, property + 1) != NULL) return true;
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

typedef struct cprovider_listener {
    OSSL_CALLBACK *hear;
    void *argument;
} cprovider_listener;

// Passes on what is said of one group, if it is selected.
static int cprovider_hear_group(const OSSL_PARAM parameters[], void *argument) {
    const cprovider_listener *listener = argument;
    const OSSL_PARAM *name = OSSL_PARAM_locate_const(parameters, OSSL_CAPABILITY_TLS_GROUP_NAME);
    if (name == NULL || name->data_type != OSSL_PARAM_UTF8_STRING) return 1;
    for (const char *const *group = cprovider_groups; *group != NULL; group++) {
        if (strcmp(*group, name->data) == 0) return listener->hear(parameters, listener->argument);
    }
    return 1;
}

// The provider's answer to what it can do of one kind.
static int cprovider_get_capabilities(void *context, const char *capability, OSSL_CALLBACK *hear,
                                      void *argument) {
    if (strcmp(capability, "TLS-GROUP") != 0) {
        return cprovider_get_all_capabilities(context, capability, hear, argument);
    }
    cprovider_listener listener = {hear, argument};
    return cprovider_get_all_capabilities(context, capability, cprovider_hear_group, &listener);
}

// Begins the default provider and takes its place in answering the queries above.
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
        if (functions[i].function_id == OSSL_FUNC_PROVIDER_GET_CAPABILITIES) {
            cprovider_get_all_capabilities = OSSL_FUNC_provider_get_capabilities(&functions[i]);
            table[i].function = (void (*)(void))cprovider_get_capabilities;
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
