import JSON
import Net

/// One image of the repository.
struct RegistryImage {
    let package: String
    let digest: String
    var tags: [String]
}

/// Artifact Registry v1, one Docker repository: tags and images, their ids double-encoded in requests.
@EventLoopActor
final class ArtifactRegistry: Service {
    private let cloud: Cloud
    private let prefix: [UInt8]
    private(set) var images: [RegistryImage] = []
    private var byDigest: [String: Int] = [:]
    private var tagged: [String: Int] = [:]
    private var packages: Set<String> = []
    private var generated = 0
    var exists = true

    init(cloud: Cloud) {
        self.cloud = cloud
        prefix = Array("/v1/\(cloud.repositoryIdentifier)".utf8)
        reset()
    }

    /// The images of the recorded cases.
    func reset() {
        clear()
        exists = true
        add(package: "my-org/my-service", digest: "sha256:aaa", tags: ["0.1.0", "default", "latest"])
        add(package: "my-org/untagged", digest: "sha256:bbb", tags: [])
        add(package: "my-org/other", digest: "sha256:ccc", tags: ["default"])
        add(package: "solo", digest: "sha256:ddd", tags: ["latest", "2.0.0-rc.1", "default", "z"])
    }

    func clear() {
        images = []
        byDigest = [:]
        tagged = [:]
        packages = []
        generated = 0
    }

    /// Adds an image, or tags to one that is there. A tag is of one image: it leaves the one it had.
    func add(package: String, digest: String?, tags: [String]) {
        let digest = digest ?? "sha256:" + Identifier.hexadecimal(Crypto.randomBytes(32))
        packages.insert(package)
        let key = "\(package)@\(digest)"
        let index: Int
        if let known = byDigest[key] {
            index = known
        } else {
            index = images.count
            images.append(RegistryImage(package: package, digest: digest, tags: []))
            byDigest[key] = index
        }
        for tag in tags {
            let name = "\(package):\(tag)"
            if let old = tagged[name] { images[old].tags.removeAll { $0 == tag } }
            tagged[name] = index
            images[index].tags.append(tag)
        }
    }

    /// Adds many images, one a package.
    func generate(count: Int, prefix: String, tagsPerImage: Int) {
        for _ in 0..<count {
            let number = generated
            generated += 1
            let digits = String(number, radix: 16)
            let digest = "sha256:" + String(repeating: "0", count: 64 - digits.count) + digits
            var tags = (0..<max(0, tagsPerImage - 1)).map { "0.\($0 + 1).0" }
            if tagsPerImage > 0 { tags.append("default") }
            add(package: "\(prefix)\(number)", digest: digest, tags: tags)
        }
    }

    // MARK: Answers

    func answer(_ request: HTTPRequest) -> HTTPResponse {
        guard cloud.tokens.accepts(request) else { return .googleUnauthorized }
        let path = request.path
        guard path.starts(with: prefix) else {
            return path.starts(with: "/v1/projects/".utf8) ? .googleNotFound() : .googleNoMethod
        }
        let rest = path.dropFirst(prefix.count)
        if rest.elementsEqual(":testIamPermissions".utf8), request.method == .post {
            return exists ? cloud.testPermissions(request) : .googleNotFound()
        }
        guard request.method == .get else { return .googleNoMethod }
        guard rest.isEmpty || rest.first == UInt8(ascii: "/") else { return .googleNotFound() }
        guard exists else { return .googleNotFound() }
        if rest.isEmpty { return describeRepository() }
        // Decoded once here, as the front end does; what is then no single id is no resource.
        let parts = Target.segments(of: rest).map { Target.decodedText($0) }
        switch (parts.count, parts[0]) {
        case (1, "dockerImages"): return listImages(request)
        case (2, "dockerImages"): return describeImage(parts[1])
        case (3, "packages") where parts[2] == "tags": return listTags(request, parts[1])
        case (4, "packages") where parts[2] == "tags": return describeTag(parts[1], parts[3])
        default: return .googleNoMethod
        }
    }

    /// A package's name out of an id that was decoded once: `my-org%2Fmy-service`. Nil when it was sent
    /// with a bare slash, which is another path.
    private func package(_ identifier: String) -> String? {
        if identifier.utf8.contains(UInt8(ascii: "/")) { return nil }
        return Target.decodedText(Array(identifier.utf8)[...])
    }

    private func encoded(_ package: String) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(package.utf8.count + 8)
        for byte in package.utf8 {
            if byte == UInt8(ascii: "/") { text += "%2F".utf8 } else { text.append(byte) }
        }
        return String(decoding: text, as: UTF8.self)
    }

    private func describeRepository() -> HTTPResponse {
        .json { json in
            json.beginObject()
            json.member("name", cloud.repositoryIdentifier)
            json.member("format", "DOCKER")
            json.member("createTime", "2025-01-01T00:00:00Z")
            json.member("mode", "STANDARD_REPOSITORY")
            json.endObject()
        }
    }

    private func describeTag(_ identifier: String, _ tag: String) -> HTTPResponse {
        guard let package = package(identifier), let index = tagged["\(package):\(tag)"] else {
            return .googleNotFound()
        }
        return .json { json in write(tag, of: images[index], to: &json) }
    }

    private func write(_ tag: String, of image: RegistryImage, to json: inout JSONWriter) {
        let name = "\(cloud.repositoryIdentifier)/packages/\(encoded(image.package))"
        json.beginObject()
        json.member("name", "\(name)/tags/\(tag)")
        json.member("version", "\(name)/versions/\(image.digest)")
        json.endObject()
    }

    private func describeImage(_ identifier: String) -> HTTPResponse {
        guard let decoded = package(identifier), let index = byDigest[decoded] else {
            return .googleNotFound()
        }
        return .json { json in write(images[index], to: &json) }
    }

    private func write(_ image: RegistryImage, to json: inout JSONWriter) {
        json.beginObject()
        json.member(
            "name", "\(cloud.repositoryIdentifier)/dockerImages/\(encoded(image.package))@\(image.digest)")
        json.member(
            "uri",
            "europe-west1-docker.pkg.dev/\(cloud.project)/octue-twined-services/\(image.package)"
                + "@\(image.digest)"
        )
        if !image.tags.isEmpty {
            json.key("tags")
            json.beginArray()
            for tag in image.tags { json.string(tag) }
            json.endArray()
        }
        json.member("imageSizeBytes", "1")
        json.member("uploadTime", "2025-01-01T00:00:00Z")
        json.member("mediaType", "application/vnd.docker.distribution.manifest.v2+json")
        json.member("updateTime", "2025-01-01T00:00:00Z")
        json.endObject()
    }

    // MARK: Listings

    private struct Page {
        let range: Range<Int>
        let next: String?
    }

    /// The part of a listing that is asked for; its token is opaque and needs percent-encoding.
    private func page(of count: Int, _ request: HTTPRequest) -> Page? {
        let asked = Target.parameter("pageSize", of: request).flatMap(Int.init) ?? 0
        let size = min(
            asked > 0 ? asked : cloud.settings.imagesPageSizeDefault, cloud.settings.imagesPageSizeMax)
        var start = 0
        if let token = Target.parameter("pageToken", of: request), !token.isEmpty {
            guard token.hasPrefix("tok=/+"), let number = Int(token.dropFirst(6)),
                (0...count).contains(number)
            else { return nil }
            start = number
        }
        let end = min(count, start + max(1, size))
        return Page(range: start..<end, next: end < count ? "tok=/+\(end)" : nil)
    }

    private func listImages(_ request: HTTPRequest) -> HTTPResponse {
        guard let page = page(of: images.count, request) else {
            return .googleInvalid("Request contains an invalid argument.")
        }
        return .json(capacity: 512 * page.range.count + 256) { json in
            json.beginObject()
            json.key("dockerImages")
            json.beginArray()
            for image in images[page.range] { write(image, to: &json) }
            json.endArray()
            if let next = page.next { json.member("nextPageToken", next) }
            json.endObject()
        }
    }

    private func listTags(_ request: HTTPRequest, _ identifier: String) -> HTTPResponse {
        guard let package = package(identifier), packages.contains(package) else { return .googleNotFound() }
        let all = images.filter { $0.package == package }.flatMap { image in image.tags.map { ($0, image) } }
        guard let page = page(of: all.count, request) else {
            return .googleInvalid("Request contains an invalid argument.")
        }
        return .json { json in
            json.beginObject()
            json.key("tags")
            json.beginArray()
            for (tag, image) in all[page.range] { write(tag, of: image, to: &json) }
            json.endArray()
            if let next = page.next { json.member("nextPageToken", next) }
            json.endObject()
        }
    }
}
