import Testing

@testable import Kernels

@Suite struct KernelDecisionTests {
    private static let avx512: ProcessorFeatures = [.avx, .avx2, .avx512]
    private static let bfloat16: ProcessorFeatures = [.avx, .avx2, .avx512, .bfloat16]

    /// A made-up OpenBLAS: what it chooses by itself, which names it takes, which of its kernels are wrong.
    private struct Library {
        var own: String
        var takes = Set(BLASKernel.all.map(\.name))
        var wrong: Set<String> = []
        var isDynamic = true
        var features: ProcessorFeatures
        var limit = InstructionSet.avx512
        var fromEnvironment: String?
        var demanded: BLASKernel?

        /// Starts the program until it goes on; what was asked for, the kernel in use and the last verdict.
        func run() -> (asked: [String?], kernel: String, verdict: KernelDecision.Verdict) {
            var asked: [String?] = []
            var kernel = own
            var record: KernelRecord?
            while true {
                let inUse = kernel
                let verdict = KernelDecision(
                    inUse: inUse, isDynamic: isDynamic, features: features, limit: limit,
                    fromEnvironment: fromEnvironment, demanded: demanded, record: record,
                    isSound: { !wrong.contains(inUse) }
                ).verdict
                guard case .restart(let name, let next) = verdict, asked.count < 20 else {
                    return (asked, kernel, verdict)
                }
                asked.append(name)
                kernel = name.flatMap { takes.contains($0) ? $0 : nil } ?? own
                record = KernelRecord(json: next.json)
                #expect(record == next)
            }
        }
    }

    private static let older = "Prescott, which OpenBLAS had chosen, is older than this processor"

    @Test func `a kernel as good as the processor is kept`() {
        for (name, features) in [
            ("Prescott", []), ("Nehalem", []), ("Sandybridge", .avx), ("Piledriver", [.avx, .fma4]),
            ("Haswell", [.avx, .avx2]), ("Zen", [.avx, .avx2]), ("SkylakeX", Self.avx512), ("SkylakeX", Self.bfloat16),
            ("Cooperlake", Self.bfloat16), ("SapphireRapids", Self.bfloat16.union(.amx)),
            // Neither of x86 nor of today.
            ("neoversen1", []), ("DiamondRapids", Self.bfloat16),
        ] as [(String, ProcessorFeatures)] {
            let run = Library(own: name, features: features).run()
            #expect(run.asked == [], "\(name)")
            #expect(run.verdict == .keep(reason: "chosen by OpenBLAS"), "\(name)")
        }
    }

    @Test func `a kernel of the environment that the processor cannot run is refused before it multiplies`() {
        let verdict = KernelDecision(
            inUse: "SkylakeX", isDynamic: true, features: [.avx, .avx2], fromEnvironment: "SkylakeX",
            isSound: {
                Issue.record("it would have been an illegal instruction")
                return true
            }
        ).verdict
        #expect(verdict == .refuse(problem: "needs AVX-512, which this processor lacks; unset it"))
    }

    @Test func `an older one is replaced by the best that the processor takes, with one restart`() {
        for (features, best) in [
            (.avx, "Sandybridge"), ([.avx, .avx2], "Haswell"), (Self.avx512, "SkylakeX"),
            (Self.bfloat16, "Cooperlake"), (Self.bfloat16.union(.amx), "Cooperlake"),
        ] as [(ProcessorFeatures, String)] {
            let run = Library(own: "Prescott", features: features).run()
            #expect(run.asked == [best])
            #expect(run.kernel == best)
            #expect(run.verdict == .keep(reason: Self.older))
        }
        #expect(Library(own: "Zen", features: Self.avx512).run().asked == ["SkylakeX"])
        #expect(Library(own: "Haswell", features: Self.bfloat16).run().asked == ["Cooperlake"])
    }

    @Test func `a wrong one makes way for the next, each once, and where all are wrong the first choice stays`() {
        var library = Library(own: "Prescott", wrong: ["Cooperlake"], features: Self.bfloat16)
        #expect(library.run().asked == ["Cooperlake", "SkylakeX"])
        #expect(library.run().verdict == .keep(reason: Self.older + "; wrong here: Cooperlake"))
        library.wrong = ["Cooperlake", "SkylakeX", "Haswell", "Zen", "Sandybridge"]
        let run = library.run()
        #expect(run.asked == ["Cooperlake", "SkylakeX", "Haswell", "Zen", "Sandybridge", nil])
        #expect(run.kernel == "Prescott")
        #expect(
            run.verdict
                == .keep(
                    reason: "chosen by OpenBLAS; wrong here: Cooperlake, SkylakeX, Haswell, Zen, Sandybridge"))
        // A right one is not left for one that is no faster.
        library = Library(own: "Haswell", wrong: ["SkylakeX"], features: Self.avx512)
        #expect(library.run().asked == ["SkylakeX", nil])
        // A wrong one is left for any.
        library = Library(own: "SkylakeX", wrong: ["SkylakeX"], features: Self.avx512)
        #expect(library.run().asked == ["Haswell"])
        #expect(
            library.run().verdict
                == .keep(reason: "SkylakeX, which OpenBLAS had chosen, computes wrong products on this processor"))
    }

    @Test func `a name that OpenBLAS does not take is asked for once`() {
        var library = Library(own: "Prescott", features: Self.bfloat16)
        library.takes.remove("Cooperlake")
        #expect(library.run().asked == ["Cooperlake", "SkylakeX"])
        #expect(library.run().verdict == .keep(reason: Self.older + "; not in this build: Cooperlake"))
        library.takes = []
        #expect(library.run().asked == ["Cooperlake", "SkylakeX", "Haswell", "Zen", "Sandybridge", nil])
        #expect(library.run().kernel == "Prescott")
    }

    @Test func `what the user set stays, right or wrong`() {
        for value in ["Prescott", "prescott"] {
            let library = Library(
                own: "Prescott", wrong: ["Prescott"], features: Self.bfloat16, fromEnvironment: value)
            #expect(library.run().verdict == .keep(reason: "OPENBLAS_CORETYPE"))
        }
        let unknown = Library(own: "Prescott", features: Self.bfloat16, fromEnvironment: "Bogus")
        #expect(unknown.run().verdict == .keep(reason: "OPENBLAS_CORETYPE is Bogus"))
    }

    @Test func `a demanded kernel is taken over everything, or refused`() throws {
        let haswell = try #require(BLASKernel(name: "haswell"))
        var library = Library(
            own: "Prescott", wrong: ["Haswell"], features: Self.bfloat16, fromEnvironment: "Prescott",
            demanded: haswell)
        #expect(library.run().asked == ["Haswell"])
        #expect(library.run().verdict == .keep(reason: "--blas-kernel"))
        library.takes = []
        #expect(library.run().asked == ["Haswell"])
        #expect(
            library.run().verdict
                == .refuse(problem: "this OpenBLAS takes Prescott in its place; leave the option out"))
        library.isDynamic = false
        #expect(
            library.run().verdict
                == .refuse(problem: "this OpenBLAS is built for Prescott alone; leave the option out"))
        library.features = .avx
        #expect(library.run().verdict == .refuse(problem: "needs AVX2, which this processor lacks"))
        library = Library(
            own: "Haswell", features: Self.bfloat16, limit: .avx2, demanded: BLASKernel(name: "SkylakeX"))
        #expect(
            library.run().verdict
                == .refuse(problem: "needs AVX-512, which is not to be used as Frostline is held to AVX2"))
        library.demanded = haswell
        #expect(library.run().asked == [])
    }

    @Test func `a cap brings OpenBLAS down too`() {
        var library = Library(own: "Cooperlake", features: Self.bfloat16, limit: .avx2)
        #expect(library.run().asked == ["Haswell"])
        #expect(library.run().verdict == .keep(reason: "held to AVX2, OpenBLAS had chosen Cooperlake"))
        library.fromEnvironment = "Nehalem"
        library.own = "Nehalem"
        #expect(library.run().asked == [])
        library = Library(own: "Zen", features: [.avx, .avx2], limit: .baseline)
        #expect(library.run().asked == ["Nehalem"])
        library = Library(own: "Zen", features: Self.avx512, limit: .avx2)
        #expect(library.run().asked == [])
        library = Library(own: "SkylakeX", takes: [], features: Self.avx512, limit: .avx2)
        #expect(
            library.run().verdict == .refuse(problem: "this OpenBLAS takes SkylakeX, whatever it is asked for"))
        #expect(library.run().asked == ["Haswell", "Zen", "Sandybridge", "Nehalem", nil])
    }

    @Test func `a build for one processor is kept, but for a cap that it is above`() {
        var library = Library(own: "HASWELL", isDynamic: false, features: Self.avx512)
        #expect(library.run().verdict == .keep(reason: "the only one of this build of OpenBLAS"))
        library.own = "SKYLAKEX"
        library.limit = .avx2
        #expect(library.run().verdict == .refuse(problem: "this OpenBLAS is built for SKYLAKEX alone"))
    }

    @Test func `any mixture of wrong and missing kernels ends, and asks for none twice`() {
        let names = ["Prescott", "Nehalem", "Sandybridge", "Haswell", "Zen", "SkylakeX", "Cooperlake"]
        for own in names {
            for mask in 0..<(1 << names.count) {
                for takes in 0..<(1 << 3) {
                    let wrong = Set(names.indices.filter { mask >> $0 & 1 == 1 }.map { names[$0] })
                    let missing = Set(
                        ["Cooperlake", "SkylakeX", "Haswell"].enumerated().filter { takes >> $0.0 & 1 == 1 }.map(\.1))
                    let library = Library(
                        own: own, takes: Set(names).subtracting(missing), wrong: wrong, features: Self.bfloat16)
                    let run = library.run()
                    #expect(run.asked.count <= 7 && Set(run.asked).count == run.asked.count)
                    guard case .keep = run.verdict else {
                        Issue.record("\(own), wrong \(wrong), missing \(missing): \(run)")
                        continue
                    }
                    // Never worse than without a restart.
                    if wrong.contains(run.kernel) { #expect(run.kernel == own) }
                }
            }
        }
    }
}
