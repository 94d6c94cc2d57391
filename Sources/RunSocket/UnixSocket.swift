import Foundation
import Support

/// The system's calls for sockets that have a place in the file system (unix(7)).
package enum UnixSocket {
    /// The longest path that such a socket can have, in bytes.
    static let longestPath = 107

    /// Calls `body` with the address of `path`; nil where the path is too long.
    private static func withAddress<Result>(
        of path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result? {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count <= longestPath, !bytes.contains(0) else { return nil }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
    }

    private static func make() -> Int32 {
        socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    }

    /// Listens at `path`, in place of whatever is there: a descriptor, or the system's error number. Only this user may
    /// connect, from the first moment on.
    package static func listen(at path: String) -> Result<Int32, SystemError> {
        let descriptor = make()
        guard descriptor >= 0 else { return .failure(SystemError(errno)) }
        // Another name first: the old socket's place is taken in one step, and by a socket that is ready.
        let unfinished = "\(path).\(getpid())"
        unlink(unfinished)
        let bound = withAddress(of: unfinished) { bind(descriptor, $0, $1) == 0 ? 0 : errno } ?? ENAMETOOLONG
        var code = bound
        if code == 0, chmod(unfinished, 0o600) != 0 || Glibc.listen(descriptor, 32) != 0 { code = errno }
        if code == 0, rename(unfinished, path) != 0 { code = errno }
        guard code == 0 else {
            if bound == 0 { unlink(unfinished) }
            close(descriptor)
            return .failure(SystemError(code))
        }
        setNonblocking(descriptor)
        return .success(descriptor)
    }

    /// A descriptor, or the system's error number.
    package static func connect(to path: String) -> Result<Int32, SystemError> {
        let descriptor = make()
        guard descriptor >= 0 else { return .failure(SystemError(errno)) }
        let code = withAddress(of: path) { Glibc.connect(descriptor, $0, $1) == 0 ? 0 : errno } ?? ENAMETOOLONG
        guard code == 0 else {
            close(descriptor)
            return .failure(SystemError(code))
        }
        return .success(descriptor)
    }

    static func setNonblocking(_ descriptor: Int32) {
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    }

    /// The user on the other side; nil where the system does not say.
    static func peer(of descriptor: Int32) -> uid_t? { credentials(of: descriptor)?.user }

    /// The process on the other side, where it is this user's.
    package static func trustedProcess(of descriptor: Int32) -> pid_t? {
        credentials(of: descriptor).flatMap { isTrusted($0.user) ? $0.process : nil }
    }

    private static func credentials(of descriptor: Int32) -> (process: pid_t, user: uid_t)? {
        // struct ucred: process, user, group.
        var credentials: (pid_t, uid_t, gid_t) = (0, 0, 0)
        var size = socklen_t(MemoryLayout.size(ofValue: credentials))
        guard getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0 else { return nil }
        return (credentials.0, credentials.1)
    }

    /// Whether the other side is this user, or the system's administrator.
    static func isTrusted(_ peer: uid_t?) -> Bool { peer == geteuid() || peer == 0 }

    static func name(of user: uid_t) -> String {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 4096)
        guard getpwuid_r(user, &entry, &buffer, buffer.count, &found) == 0, found != nil, let name = entry.pw_name
        else {
            return "user \(user)"
        }
        return String(cString: name)
    }
}

package struct SystemError: Error, CustomStringConvertible {
    let code: Int32
    init(_ code: Int32) { self.code = code }
    package var description: String { systemMessage(code) }
}
