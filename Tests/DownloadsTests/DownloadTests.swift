import Foundation
import Support
import Synchronization
import Testing

import Downloads

@Suite(.serialized) struct DownloadTests {
    private let body: [UInt8] = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 * 7 + $0 >> 8) }

    private var digest: String {
        var hash = SHA256()
        body.withUnsafeBytes { hash.update($0) }
        return hash.finish()
    }

    /// Runs `work` with a server of `body` and a fresh folder; the file's name carries the right hash unless `name` is given.
    private func withServer(
        _ behaviour: (inout LocalServer.Behaviour) -> Void = { _ in }, name: String? = nil,
        _ work: (LocalServer, Download) throws -> Void
    ) throws {
        var wanted = LocalServer.Behaviour(body: body)
        behaviour(&wanted)
        let server = try LocalServer(wanted)
        defer { server.stop() }
        let folder = NSTemporaryDirectory() + "/frostline-download-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let name = name ?? "resnet18-\(digest.prefix(8)).pth"
        let url = try #require(URL(string: "http://127.0.0.1:\(server.port)/models/\(name)"))
        var download = Download(url, to: folder + "/hub/" + name)
        download.patience = 5
        try work(server, download)
    }

    private func arrived(_ download: Download) -> [UInt8]? {
        FileManager.default.contents(atPath: download.destination).map { [UInt8]($0) }
    }

    private func failure(_ download: Download) -> DownloadError? {
        do throws(DownloadError) {
            try download.run { _, _ in }
            return nil
        } catch { return error }
    }

    @Test func `a file arrives whole, with its progress reported to the end`() throws {
        try withServer { server, download in
            let seen = Mutex<[Int]>([])
            try download.run { done, total in
                #expect(total == body.count)
                seen.withLock { $0.append(done) }
            }
            #expect(arrived(download) == body)
            #expect(seen.withLock { $0.last } == body.count)
            #expect(seen.withLock { $0 == $0.sorted() })
            #expect(!FileManager.default.fileExists(atPath: download.destination + ".part"))
        }
    }

    @Test func `a connection that is cut goes on from where it ended`() throws {
        try withServer({ $0.cuts = [100_000, 50_000] }) { server, download in
            try download.run { _, _ in }
            #expect(arrived(download) == body)
            #expect(server.requests == ["", "bytes=100000-", "bytes=150000-"])
        }
    }

    @Test func `what an earlier attempt left is not fetched again`() throws {
        try withServer { server, download in
            let part = download.destination + ".part"
            try FileManager.default.createDirectory(
                atPath: (part as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            try Data(body[..<250_000]).write(to: URL(fileURLWithPath: part))
            try download.run { _, _ in }
            #expect(arrived(download) == body)
            #expect(server.requests == ["bytes=250000-"])
        }
    }

    @Test func `a part that is whole already is only checked and put in its place`() throws {
        try withServer { server, download in
            let part = download.destination + ".part"
            try FileManager.default.createDirectory(
                atPath: (part as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            try Data(body).write(to: URL(fileURLWithPath: part))
            try download.run { _, _ in }
            #expect(arrived(download) == body)
        }
    }

    @Test func `a server without ranges, or one that lies about them, gives the whole file anew`() throws {
        for lies in [false, true] {
            try withServer({
                $0.cuts = [100_000]
                $0.ranges = lies
                $0.lies = lies
            }) { server, download in
                try download.run { _, _ in }
                #expect(arrived(download) == body)
            }
        }
    }

    @Test func `other bytes than the name promises are refused and deleted`() throws {
        try withServer(name: "resnet18-0123456789.pth") { server, download in
            let error = failure(download)
            guard case .wrongContent(_, "0123456789", let found)? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(found == digest)
            #expect(arrived(download) == nil)
            #expect(!FileManager.default.fileExists(atPath: download.destination + ".part"))
        }
    }

    @Test func `a name without a hash is taken as it comes`() throws {
        try withServer(name: "weights.pth") { server, download in
            try download.run { _, _ in }
            #expect(arrived(download) == body)
        }
        #expect(Download.hashPrefix(in: "resnet18-f37072fd.pth") == "f37072fd")
        #expect(Download.hashPrefix(in: "resnet-18.pth") == nil)
        #expect(Download.hashPrefix(in: "resnet18.pth") == nil)
    }

    @Test func `no such file says so, and where to put it`() throws {
        try withServer({ $0.status = 404 }) { server, download in
            let message = failure(download).map { "\($0)" } ?? ""
            #expect(message.contains("404") && message.contains(download.destination))
        }
    }

    @Test func `no network says where to put the file`() throws {
        try withServer { server, download in
            server.stop()
            let error = failure(download)
            guard case .unreachable? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect("\(error.map { "\($0)" } ?? "")".contains(download.destination))
        }
    }

    @Test func `what arrived before the connection broke for good is kept`() throws {
        try withServer({ $0.cuts = [100_000, 0, 0, 0, 0, 0, 0] }) { server, download in
            guard case .interrupted(_, _, 100_000, _, _)? = failure(download) else {
                Issue.record("it went on")
                return
            }
            server.change { $0.cuts = [] }
            try download.run { _, _ in }
            #expect(arrived(download) == body)
        }
    }

    @Test func `a second process that fetches the same file is refused`() throws {
        try withServer { server, download in
            let part = download.destination + ".part"
            try FileManager.default.createDirectory(
                atPath: (part as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            let other = open(part, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
            #expect(flock(other, LOCK_EX | LOCK_NB) == 0)
            #expect(failure(download) == .inUse(file: part))
            close(other)
        }
    }
}
