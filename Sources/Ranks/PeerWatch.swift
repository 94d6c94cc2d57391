import Foundation
import Support

/// What a rank tells the others of itself when it starts.
package struct PeerIdentity: Equatable, Sendable {
    package var host: String
    /// The same for processes that see each other's numbers.
    var machine: UInt64
    var process: Int32

    package static let size = 272
    private static let hostBytes = 256

    package var bytes: [UInt8] {
        var result = Array(host.utf8.prefix(Self.hostBytes - 1))
        result += [UInt8](repeating: 0, count: Self.hostBytes - result.count)
        withUnsafeBytes(of: machine.littleEndian) { result += $0 }
        withUnsafeBytes(of: Int64(process).littleEndian) { result += $0 }
        return result
    }

    package init(host: String, machine: UInt64, process: Int32) {
        (self.host, self.machine, self.process) = (host, machine, process)
    }

    package init(bytes: [UInt8]) {
        func number(_ place: Int) -> UInt64 {
            (0..<8).reduce(0) { $0 | UInt64(place + $1 < bytes.count ? bytes[place + $1] : 0) << UInt64(8 * $1) }
        }
        host = String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        machine = number(Self.hostBytes)
        process = Int32(truncatingIfNeeded: number(Self.hostBytes + 8))
    }

    package static func own(host: String) -> PeerIdentity {
        // Two containers of one machine may count processes differently.
        let boot = (try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)) ?? host
        let space = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")) ?? ""
        // FNV-1a.
        let machine = (boot + space).utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) {
            ($0 ^ UInt64($1)) &* 0x100_0000_01b3
        }
        return PeerIdentity(host: host, machine: machine, process: getpid())
    }
}

/// Which ranks are there: by their heartbeats, and on this machine by their processes. Rank 0 hears all, the others hear
/// rank 0, which tells them of losses; so there are as many heartbeats as ranks, not their square.
package struct PeerWatch: Sendable {
    let rank: Int
    let identities: [PeerIdentity]
    /// Seconds after which a rank that was not heard of is lost.
    let patience: Double
    /// Ranks that this one exchanges heartbeats with.
    package let heard: [Int]
    /// Some beats of the heart.
    private static let patienceInDoubt = 1.0
    private let local: [Int]
    private var lastHeard: [Double]
    private var lastLook: Double

    package init(rank: Int, identities: [PeerIdentity], patience: Double, now: Double) {
        self.rank = rank
        self.identities = identities
        self.patience = patience
        let others = identities.indices.filter { $0 != rank }
        heard = rank == 0 ? others : [0]
        local = others.filter { identities[$0].machine == identities[rank].machine }
        lastHeard = identities.map { _ in now }
        lastLook = now
    }

    var hosts: [String] { identities.map(\.host) }

    func name(_ rank: Int) -> String { "rank \(rank) on \(identities[rank].host)" }

    package mutating func hear(_ rank: Int, at now: Double) {
        if lastHeard.indices.contains(rank) { lastHeard[rank] = now }
    }

    /// The first rank that is lost. What has come by `now` was handed to `hear` before.
    ///
    /// - Parameter inDoubt: whether a launcher seems to be ending the run, as it does when a rank has ended: on another
    ///   machine only its silence shows it.
    package mutating func loss(at now: Double, inDoubt: Bool = false) -> RankFailure? {
        let patience = inDoubt ? min(Self.patienceInDoubt, patience) : patience
        // A process that was stopped itself has heard nothing in that time.
        let away = now - lastLook
        lastLook = now
        if away > 1 { for rank in lastHeard.indices { lastHeard[rank] += away } }
        for rank in local where !Self.isThere(identities[rank].process) {
            return RankFailure(rank: rank, "\(name(rank)) (process \(identities[rank].process)) has ended")
        }
        for rank in heard where now - lastHeard[rank] > patience {
            return RankFailure(rank: rank, "\(name(rank)) has not answered for \(Numbers.short(patience)) s")
        }
        return nil
    }

    /// Whether the process of rank 0 is on this machine and there.
    var firstRankIsHere: Bool { local.contains(0) && Self.isThere(identities[0].process) }

    /// False for a process that has ended, even where its parent has not asked for its status yet.
    package static func isThere(_ process: Int32) -> Bool {
        if kill(process, 0) != 0 && errno == ESRCH { return false }
        let descriptor = open("/proc/\(process)/stat", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return true }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 512)
        let count = max(0, read(descriptor, &buffer, buffer.count))
        // The state comes after the name, which stands in brackets and may hold any character.
        guard let end = buffer[..<count].lastIndex(of: UInt8(ascii: ")")), end + 2 < count else { return true }
        return buffer[end + 2] != UInt8(ascii: "Z") && buffer[end + 2] != UInt8(ascii: "X")
    }
}
