import Foundation
import Support

/// Where the socket of a run is: in its folder, or, where the path is too long for one or the file system takes none, in
/// a private folder; then a file in the run folder names it.
package struct SocketPlace {
    private let folder: String

    package static let name = "socket"
    package static let placeName = "socket.place"

    package init(folder: String) { self.folder = folder }

    private var inside: String { folder + "/" + Self.name }
    private var placeFile: String { folder + "/" + Self.placeName }

    /// Listens, in place of a socket that an earlier process has left; the caller holds the run's lock.
    ///
    /// Throws `FileError.cannotWrite`.
    func listen() throws -> (descriptor: Int32, path: String) {
        if let old = elsewhere { unlink(old) }
        unlink(placeFile)
        var reason = "the path is too long for a socket"
        if inside.utf8.count + 12 <= UnixSocket.longestPath {
            switch UnixSocket.listen(at: inside) {
            case .success(let descriptor): return (descriptor, inside)
            case .failure(let error): reason = "\(error)"
            }
        }
        guard let path = Self.privateFolder().map({ "\($0)/run-\(getpid())-\(UInt32.random(in: 0 ... .max)).socket" })
        else { throw FileError.cannotWrite(file: inside, reason: "\(reason), and there is no private folder for it") }
        switch UnixSocket.listen(at: path) {
        case .success(let descriptor):
            do { try AtomicFile.write(Array((path + "\n").utf8), to: placeFile) } catch {
                close(descriptor)
                unlink(path)
                throw error
            }
            return (descriptor, path)
        case .failure(let error): throw FileError.cannotWrite(file: path, reason: "\(error)")
        }
    }

    /// Takes the socket away, unless another process has put its own there.
    func remove(_ path: String, descriptor: Int32, inode: ino_t) {
        close(descriptor)
        var status = stat()
        guard stat(path, &status) == 0, status.st_ino == inode else { return }
        unlink(path)
        if path != inside { unlink(placeFile) }
    }

    /// A connection to the run's process; nil where none listens.
    ///
    /// Throws `AttachError.foreign` where the socket is another user's.
    package func connect() throws -> Int32? {
        for path in [inside, elsewhere].compactMap({ $0 }) {
            guard case .success(let descriptor) = UnixSocket.connect(to: path) else { continue }
            guard UnixSocket.isTrusted(UnixSocket.peer(of: descriptor)) else {
                close(descriptor)
                throw AttachError.foreign(path)
            }
            return descriptor
        }
        return nil
    }

    private var elsewhere: String? {
        guard let data = try? RegularFile.read(placeFile, limit: 4096) else { return nil }
        let path = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        return path.hasPrefix("/") ? path : nil
    }

    /// `$XDG_RUNTIME_DIR`, else a folder that only this user can look into.
    static func privateFolder(environment: [String: String] = ProcessInfo.processInfo.environment) -> String? {
        let temporary = environment["TMPDIR"].flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
        let candidates = [environment["XDG_RUNTIME_DIR"], temporary + "/frostline-\(geteuid())"]
        for case let path? in candidates where path.hasPrefix("/") && path.utf8.count <= 60 {
            mkdir(path, 0o700)
            var status = stat()
            if lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR, status.st_uid == geteuid(),
                status.st_mode & 0o077 == 0
            {
                return path
            }
        }
        return nil
    }
}

package enum AttachError: Error, CustomStringConvertible {
    case foreign(String)
    case notRunning(String)

    package var description: String {
        switch self {
        case .foreign(let path):
            "\(path): another user's process listens there; only one's own runs can be attached to."
        case .notRunning(let folder): "\(folder): no process trains this run."
        }
    }
}
