/// An RSA key of 2,048 bits made for tests, and its public half.
public enum TestKey {
    /// The private key, in PKCS #8.
    public static let pem = """
        -----BEGIN PRIVATE KEY-----
        MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCG4ZC/ADiZWz7D
        DjcWEtBPhWLPjYb1iA+u1O/kVBqdOw0RuUkTpcwurrcB38R4l2YXbOoZqenkezY9
        aViaJsROKCrZof573mxnWA/G1VY38tjltxYuKeFvZHdX9hKBrvYeTpkAJRTHIuU7
        9PcsZXLJiZz93HZsfT2akUffarZShjemIBawfkSJp35wjEmQP1y5W3c2sioWDmoD
        duPW3B6Y5vnFzuMytuTI3LeTPyBx91Nz/ZATYWHvvstLydSR1w50u0lV26nUPX6x
        D3PhcpYodXy+RQkablvRW0cjWBXdARzs/pb7ubyO3DuzBFM+Om3ogpGzfDKfmldN
        wlEH5FYFAgMBAAECggEALPyd3P6zYf7rc35RxDR5MxSvjL9NBKahaHQQIQ0mJUv1
        Q3STmZCChg1y75aVPo1smSKUAARKhRDNWfVBfoSwk8rU4+qiaOkaKevWs0Ajdhyy
        2AdVSAdi79bH8Vga+xMCdsBLSp+TiwmqAHHnYPDjNLIH4Sn/e5bYDa4oFS3P6rzq
        Y4PlQ3y3tjGm7MTzJlC6HhpiX4EvkyexW+fqSRoc2ClRlo201jCaohkmDioNfPVV
        PNSEwuowa2o6vJFg7pOLUWXTedb+DipK6kJj6rdSyCz7pWUK/LRr/3ieTXon4fiJ
        m7uYa5IFy2tUG7VFMdO+5VvH2tq3xfx/yuswv9U6DwKBgQC+bcuSja3hwHbnwy6C
        4j3xuZYBhyWlaYWvnVz4l10t9reyrIuLU7MpQCdM9nXB2pcIzQiA+11LR1hcAnJ7
        eioJJaZfPIwm10CE0z5CchlompgdKuAmQfDS+j7XBsrf6c2FdxwW9LKslwD+71VU
        VqwRKhB9SGW6Df4eMKXi5vbvEwKBgQC1U0OB7IHST788T4ug2Qwli39lEXI8faYo
        0MSjVQprxdzIlCr+9QuC3ViC/JZDhQUpICQXj+i83/Dq9t26W82UmiVmbyDdgAy1
        sq3u2M2vlU3uPj90+bMu9E0VyLPF65uAsJZU0jJisERp9Bnjs/YAlVpj7unpj5A4
        oO6kMIQRhwKBgQCFTC/q11f3JZVWKE8/eQTpVwKE8UhN4G6e/mVc8f9ctE3kOVm4
        3o8T+f9IpWDKoKuGkpc4SjwE/N0CEwh2HI6eNoeeNLDaY2SbVY9ITbwxd72w9RlQ
        Tmo4FMm2FOAgGvYtTbIQ85q6qz0cNwYg8kaiATLnr6zdrvvJwD3udcQ2lwKBgGt9
        z8A+t3s4wVJ8iXayFMxRFRWSMRmBFzaNBHUbHdFj+42AoLiCBe/vTeBg4qdmPPfz
        UNITAtKtIwH3lNw8PfQBKXi/GkmU9nPkV84HAnA7X3aDulSbDkkglG38i+4hzQ6O
        IKBp92qfuf7hsVNWRNh1sZ8aa9qEu+eGJ9J33GMTAoGAUmxO3qQ9iWrAoUVUXvzI
        JwFwXeOg+Fhihc0mwa92Irg/xTERORi72FxRFs/qkn12htPHQBRvLWwxmOsFh1an
        eZEaQtBqrx50glfagdfxoHSzIXoQMBUizwQu9B2k9wrmeNdWtJKkSpwBdiuMUiVI
        m39zW2CB3tA8Ye7217bExIY=
        -----END PRIVATE KEY-----

        """

    /// The public modulus, most significant byte first.
    public static let modulus: [UInt8] = {
        let digits = Array(hexadecimal.utf8.filter { $0 != 0x20 })
        func value(_ digit: UInt8) -> UInt8 { digit < 0x3A ? digit - 0x30 : digit - 0x37 }
        return stride(from: 0, to: digits.count, by: 2).map {
            value(digits[$0]) << 4 | value(digits[$0 + 1])
        }
    }()

    /// The public exponent.
    public static let exponent: [UInt8] = [1, 0, 1]

    private static let hexadecimal = """
        86E190BF0038995B3EC30E371612D04F8562CF8D86F5880FAED4EFE4541A9D3B0D11B94913A5CC2EAEB701DFC4789766 \
        176CEA19A9E9E47B363D69589A26C44E282AD9A1FE7BDE6C67580FC6D55637F2D8E5B7162E29E16F647757F61281AEF6 \
        1E4E99002514C722E53BF4F72C6572C9899CFDDC766C7D3D9A9147DF6AB6528637A62016B07E4489A77E708C49903F5C \
        B95B7736B22A160E6A0376E3D6DC1E98E6F9C5CEE332B6E4C8DCB7933F2071F75373FD90136161EFBECB4BC9D491D70E \
        74BB4955DBA9D43D7EB10F73E1729628757CBE45091A6E5BD15B47235815DD011CECFE96FBB9BC8EDC3BB304533E3A6D \
        E88291B37C329F9A574DC25107E45605
        """
}
