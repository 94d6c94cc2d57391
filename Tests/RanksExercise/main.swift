import Foundation
import Ranks

// What a rank does in RanksTests and in measurements by hand: `mpirun -n 2 ranks-exercise TASK [patience seconds]`.

func say(_ text: String) { FileHandle.standardOutput.write(Data((text + "\n").utf8)) }

func end(_ problem: String?) -> Never {
    let (code, words) = RankLaunch.end(problem)
    if let words { FileHandle.standardError.write(Data("\(RankLaunch.prefix)exercise: \(words)\n".utf8)) }
    _exit(code)
}

let arguments = CommandLine.arguments
let task = arguments.count > 1 ? arguments[1] : ""
let patience = arguments.count > 2 ? Double(arguments[2]) ?? MPIRanks.patience : MPIRanks.patience
nonisolated(unsafe) var isToldToEnd = false
signal(SIGTERM) { _ in isToldToEnd = true }
let group: any RankGroup
do {
    guard let launched = try RankLaunch.group(patience: patience) else {
        say("alone")
        _exit(0)
    }
    group = launched
} catch { end("\(error)") }

func require(_ isTrue: Bool, _ what: String) {
    if !isTrue { end("wrong: \(what)") }
}

/// The same numbers on every run of every rank.
func numbers(_ count: Int, _ rank: Int) -> [Float] {
    (0..<count).map { Float(Int32(truncatingIfNeeded: ($0 &* 7919 &+ rank &* 104_729) % 20011)) * 0.001 - 10 }
}

/// FNV-1a over bytes, to compare ranks.
func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
}

func exerciseOperations() throws {
    let ranks = group.count
    for count in [0, 1, 2, 3, 5, 1024, 5000] {
        var values = (0..<count).map { Double($0) * 0.1 + Double(group.rank) }
        group.sum(&values)
        let expected = (0..<count).map { Double($0) * 0.1 * Double(ranks) + Double(ranks * (ranks - 1) / 2) }
        require(zip(values, expected).allSatisfy { abs($0 - $1) < 1e-6 }, "a sum of \(count) doubles")
        let hashes = group.gather(values.withUnsafeBytes { hash($0) }.description.utf8.map { $0 })
        require(Set(hashes).count == 1, "the bits of a sum of \(count) doubles differ between the ranks")
    }
    let sizes = [1, 3, 64, 1000, 1 << 20, 7, 300_000, 1 << 20]
    var buffers = sizes.map { numbers($0, group.rank) }
    var pointers: [UnsafeMutableBufferPointer<Float>] = []
    for buffer in buffers {
        let pointer = UnsafeMutableBufferPointer<Float>.allocate(capacity: buffer.count)
        _ = pointer.initialize(from: buffer)
        pointers.append(pointer)
        if let start = pointer.baseAddress { group.beginSum(start, count: pointer.count) }
    }
    // Between begun sums and their end other operations pass.
    require(group.decide(group.isFirst), "a broadcast while sums are begun")
    group.finishSums()
    for (index, pointer) in pointers.enumerated() {
        let all = (0..<ranks).map { numbers(sizes[index], $0) }
        buffers[index] = Array(pointer)
        for i in 0..<sizes[index] {
            let expected = all.reduce(0) { $0 + Double($1[i]) }
            require(abs(Double(pointer[i]) - expected) < 1e-3, "element \(i) of a sum of \(sizes[index]) floats")
        }
        let bits = buffers[index].withUnsafeBytes { hash($0) }
        require(Set(group.gather(bits.description.utf8.map { $0 })).count == 1, "the bits of sum \(index) differ")
    }
    let text = try group.broadcast(group.isFirst ? Array("from rank 0".utf8) : [1, 2])
    require(text == Array("from rank 0".utf8), "a broadcast")
    require(try group.broadcast(group.isFirst ? [] : [1]).isEmpty, "a broadcast of nothing")
    let long = try group.broadcast(group.isFirst ? [UInt8](repeating: 7, count: 3_000_001) : [])
    require(long.count == 3_000_001 && long.allSatisfy { $0 == 7 }, "a long broadcast")
    for size in [0, 1, 100_000] {
        let gathered = group.gather([UInt8](repeating: UInt8(group.rank), count: size * group.rank))
        let expected = (0..<ranks).map { [UInt8](repeating: UInt8($0), count: size * $0) }
        require(gathered == expected, "gathering \(size) bytes times the rank")
    }
    require(group.hosts.count == ranks && group.ranksHere == ranks, "the hosts")
    let speed = group.measure()
    let speeds = group.gather(Array("\(speed)".utf8))
    require(speed.latency > 0 && speed.bandwidth > 0 && Set(speeds).count == 1, "the measure")
    try group.requireSound()
}

func measure() {
    let speed = group.measure()
    var values = [Double](repeating: 1, count: 1024)
    var times: [Double] = []
    for _ in 0..<500 {
        let began = ContinuousClock.now
        group.sum(&values)
        times.append(began.duration(to: .now) / .microseconds(1))
        for i in values.indices { values[i] = 1 }
    }
    times.sort()
    /// What a core computes in so many rounds.
    func compute(_ rounds: Int) -> Double {
        let began = ContinuousClock.now
        var x = 1.0
        for i in 0..<rounds { x = x * 1.0000001 + Double(i & 1) }
        precondition(x != 0)
        return began.duration(to: .now) / .milliseconds(1)
    }
    let buffers = (0..<11).map { _ in
        let pointer = UnsafeMutablePointer<Float>.allocate(capacity: 1 << 20)
        pointer.initialize(repeating: 1, count: 1 << 20)
        return pointer
    }
    func sums() { for buffer in buffers { group.beginSum(buffer, count: 1 << 20) } }
    func clock(_ body: () -> Void) -> Double {
        var one = [1.0]
        group.sum(&one)
        let began = ContinuousClock.now
        body()
        return began.duration(to: .now) / .milliseconds(1)
    }
    let rounds = 30_000_000
    let alone = (0..<5).map { _ in clock { _ = compute(rounds) } }.sorted()[2]
    let waiting = (0..<5).map { _ in
        clock {
            sums()
            group.finishSums()
        }
    }.sorted()[2]
    var waited: [Double] = []
    let both = (0..<5).map { _ in
        clock {
            sums()
            _ = compute(rounds)
            let before = group.secondsWaited
            group.finishSums()
            waited.append((group.secondsWaited - before) * 1000)
        }
    }.sorted()[2]
    guard group.isFirst else { return }
    say(
        String(
            format: "8 B %.1f us, 8 KiB median %.1f us 90%% %.1f us, 4 MiB %.2f GB/s", speed.latency * 1e6, times[250],
            times[450], speed.bandwidth / 1e9))
    say(
        String(
            format: "44 MiB of sums %.1f ms; computing %.1f ms; both %.1f ms, of which %.1f ms waiting", waiting, alone,
            both, waited.sorted()[2]))
}

/// Sums until the group fails.
func sumForever() -> Never {
    while group.failure == nil {
        var values = [1.0]
        group.sum(&values)
    }
    end(nil)
}

let isLast = group.rank == group.count - 1
switch task {
case "operations":
    do { try exerciseOperations() } catch { end("\(error)") }
    if group.isFirst { say("all is right on \(group.count) ranks") }
    end(nil)
case "measure":
    measure()
    end(nil)
case "fail":
    if isLast {
        usleep(200_000)
        end("the disk is full")
    }
    sumForever()
case "fail-first":
    if group.isFirst {
        usleep(200_000)
        end("the disk is full")
    }
    sumForever()
case "exit":
    if isLast {
        usleep(200_000)
        _exit(0)
    }
    sumForever()
case "sums":
    // Each rank's process, for a test that kills or stops one.
    let processes = group.gather(Array("\(getpid())".utf8)).map { String(decoding: $0, as: UTF8.self) }
    if group.isFirst { say("processes \(processes.joined(separator: " "))") }
    sumForever()
case "compute":
    // As a long step: only the MPI thread can notice.
    let processes = group.gather(Array("\(getpid())".utf8)).map { String(decoding: $0, as: UTF8.self) }
    if group.isFirst { say("processes \(processes.joined(separator: " "))") }
    while true {
        usleep(10_000)
        if isToldToEnd { RankLaunch.current?.doubt() }
    }
case "wait":
    // A rank that computes for longer than another may be silent is not lost.
    if isLast { usleep(useconds_t(patience * 1.3e6)) }
    var values = [1.0]
    group.sum(&values)
    if group.isFirst && values == [Double(group.count)] { say("waited") }
    end(nil)
default:
    end("unknown task \"\(task)\"")
}
