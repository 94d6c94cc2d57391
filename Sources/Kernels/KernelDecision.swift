import Support

/// Whether to keep the kernels that OpenBLAS has, or to start the program once more and ask for others: OpenBLAS chooses
/// when it is loaded, and by the number of a processor's model, which old versions do not know (its issue 4267).
///
/// A kernel is asked for once at most, and each time the record of what was asked goes along, so this comes to an end.
struct KernelDecision {
    enum Verdict: Equatable {
        case keep(reason: String)
        /// Start again and ask for this; nil: with the environment that the program was first given.
        case restart(kernel: String?, KernelRecord)
        /// What was demanded cannot be.
        case refuse(problem: String)
    }

    /// As OpenBLAS names what it has.
    var inUse: String
    /// Whether this build holds more kernels than one.
    var isDynamic: Bool
    var features: ProcessorFeatures
    var limit = InstructionSet.avx512
    /// OPENBLAS_CORETYPE, where the user set it.
    var fromEnvironment: String?
    /// `--blas-kernel`.
    var demanded: BLASKernel?
    /// Of earlier restarts.
    var record: KernelRecord?
    /// Whether what is in use passes the self check.
    var isSound: () -> Bool

    private var allowed: ProcessorFeatures { features.held(to: limit) }

    var verdict: Verdict {
        if let demanded { return meet(demanded) }
        return record.map(afterRestart) ?? atStart
    }

    private func meet(_ demanded: BLASKernel) -> Verdict {
        let missing = demanded.missing(in: allowed)
        if !missing.isEmpty {
            let isHeld = demanded.missing(in: features).isEmpty
            return .refuse(
                problem: "needs \(missing), which "
                    + (isHeld ? "is not to be used as Frostline is held to \(limit.title)" : "this processor lacks"))
        }
        if inUse.lowercased() == demanded.name.lowercased() { return .keep(reason: "--blas-kernel") }
        if isDynamic, record == nil {
            return .restart(kernel: demanded.name, KernelRecord(own: inUse, isOwnSound: true, asked: demanded.name))
        }
        let problem = isDynamic ? "takes \(inUse) in its place" : "is built for \(inUse) alone"
        return .refuse(problem: "this OpenBLAS \(problem); leave the option out")
    }

    private var atStart: Verdict {
        let kernel = BLASKernel(name: inUse)
        let isHeld = kernel.map { $0.needs.isSubset(of: allowed) } ?? true
        // It would end the process at its first product.
        let lacking = kernel?.missing(in: features) ?? ""
        if fromEnvironment != nil, !lacking.isEmpty {
            return .refuse(problem: "needs \(lacking), which this processor lacks; unset it")
        }
        guard isDynamic else {
            return isHeld
                ? .keep(reason: "the only one of this build of OpenBLAS")
                : .refuse(problem: "this OpenBLAS is built for \(inUse) alone")
        }
        if let fromEnvironment, isHeld {
            let isTaken = fromEnvironment.lowercased() == inUse.lowercased()
            return .keep(reason: isTaken ? "OPENBLAS_CORETYPE" : "OPENBLAS_CORETYPE is \(fromEnvironment)")
        }
        guard kernel != nil else { return .keep(reason: "chosen by OpenBLAS") }
        // What is wrong may be replaced by anything, what is right only by what is faster.
        let record = KernelRecord(own: inUse, isOwnSound: isSound(), isOwnHeld: isHeld)
        return next(record) ?? .keep(reason: "chosen by OpenBLAS")
    }

    private func afterRestart(_ record: KernelRecord) -> Verdict {
        let kernel = BLASKernel(name: inUse)
        let isHeld = kernel?.needs.isSubset(of: allowed) ?? true
        guard let asked = record.asked.last.flatMap(BLASKernel.init(name:)), !record.isOver else {
            return isHeld
                ? .keep(reason: record.reason(givenUp: true, limit: limit))
                : .refuse(problem: "this OpenBLAS takes \(inUse), whatever it is asked for")
        }
        var record = record
        if let kernel, isHeld, kernel.generation >= asked.generation {
            if isSound() { return .keep(reason: record.reason(givenUp: false, limit: limit)) }
            record.wrong.append(inUse)
            if !record.asked.contains(kernel.name) { record.asked.append(kernel.name) }
        } else {
            record.absent.append(asked.name)
        }
        if let next = next(record) { return next }
        record.isOver = true
        return .restart(kernel: nil, record)
    }

    private func next(_ record: KernelRecord) -> Verdict? {
        let least = record.isOwnSound && record.isOwnHeld ? (BLASKernel(name: record.own)?.generation ?? 0) + 1 : 0
        let candidate = BLASKernel.candidates(for: allowed).first {
            $0.generation >= least && $0.name != record.own && !record.asked.contains($0.name)
        }
        guard let candidate else { return nil }
        var record = record
        record.asked.append(candidate.name)
        return .restart(kernel: candidate.name, record)
    }
}

/// What was asked of OpenBLAS so far, which goes from one start of the program to the next.
struct KernelRecord: Equatable {
    /// What OpenBLAS had before anything was asked for.
    var own: String
    var isOwnSound = true
    /// Whether it is within the instruction set that the program is held to.
    var isOwnHeld = true
    var asked: [String] = []
    /// Those that multiplied wrongly, and those that OpenBLAS did not take.
    var wrong: [String] = []
    var absent: [String] = []
    /// Whether all were in vain.
    var isOver = false

    init(own: String, isOwnSound: Bool, isOwnHeld: Bool = true, asked: String? = nil) {
        (self.own, self.isOwnSound, self.isOwnHeld) = (own, isOwnSound, isOwnHeld)
        self.asked = asked.map { [$0] } ?? []
    }

    func reason(givenUp: Bool, limit: InstructionSet) -> String {
        let cause =
            if givenUp {
                "chosen by OpenBLAS"
            } else if !isOwnHeld {
                "held to \(limit.title), OpenBLAS had chosen \(own)"
            } else if !isOwnSound {
                "\(own), which OpenBLAS had chosen, computes wrong products on this processor"
            } else {
                "\(own), which OpenBLAS had chosen, is older than this processor"
            }
        func list(_ title: String, _ names: [String]) -> [String] {
            names.isEmpty ? [] : ["\(title): \(names.joined(separator: ", "))"]
        }
        return ([cause] + list("wrong here", wrong) + list("not in this build", absent)).joined(separator: "; ")
    }

    // MARK: As text

    var json: JSON {
        .object([
            ("own", .string(own)), ("isOwnSound", .bool(isOwnSound)), ("isOwnHeld", .bool(isOwnHeld)),
            ("asked", .array(asked.map(JSON.string))), ("wrong", .array(wrong.map(JSON.string))),
            ("absent", .array(absent.map(JSON.string))), ("isOver", .bool(isOver)),
        ])
    }

    init?(json: JSON?) {
        guard let json, let own = json["own"]?.text, let isOwnSound = json["isOwnSound"]?.flag,
            let isOwnHeld = json["isOwnHeld"]?.flag, let asked = json["asked"]?.items,
            let wrong = json["wrong"]?.items, let absent = json["absent"]?.items, let isOver = json["isOver"]?.flag
        else { return nil }
        self.init(own: own, isOwnSound: isOwnSound, isOwnHeld: isOwnHeld)
        self.asked = asked.compactMap(\.text)
        (self.wrong, self.absent) = (wrong.compactMap(\.text), absent.compactMap(\.text))
        self.isOver = isOver
    }
}
