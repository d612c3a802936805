// The algorithms that this program has, out of all that OpenSSL's default provider offers.
#pragma once

/// Makes the algorithms that TLS, tokens and names need the only ones. Returns 1, or 0 when OpenSSL cannot;
/// to be called before anything asks for an algorithm.
///
/// OpenSSL makes an object for each algorithm of a kind when the first of that kind is asked for: 124 ciphers
/// for the three that TLS can agree on here, in memory and at every start.
int cprovider_select_algorithms(void);
