import Foundation
import Kernels
import Support
import Testing

/// Which of OpenBLAS's kernels a process ends up with. Two variables are for these tests: one has OPENBLAS_CORETYPE count as
/// OpenBLAS's own choice, one names kernels whose self check fails.
@Suite(.enabled(if: InstructionSet.ofProcessor >= .avx2 && BLAS.version.contains("DYNAMIC_ARCH")))
struct BLASKernelTests {
    private static let chosePrescott = ["OPENBLAS_CORETYPE": "Prescott", "FROSTLINE_CORETYPE_IS_CHOICE": "1"]
    private static let bench = ["bench", "--batch-size", "2", "--image-size", "32", "--steps", "1", "--json"]
    private static let newest = InstructionSet.ofProcessor == .avx512 ? ["SkylakeX", "Cooperlake"] : ["Haswell"]

    private func bench(_ options: [String] = [], _ environment: [String: String]) throws -> (
        kernel: String, reason: String, instructions: String
    ) {
        let harness = try CommandHarness(pictures: 0)
        defer { harness.remove() }
        let result = try harness.run(
            Self.bench + options, environment: environment, without: ["OPENBLAS_CORETYPE", "FROSTLINE_INSTRUCTIONS"])
        #expect(result.code == 0, "\(result.error)")
        let json = try #require(JSON.parse(Data(result.output.utf8)), "\(result.output)")
        return (
            json["kernel"]?.text ?? "", json["kernelReason"]?.text ?? "", json["instructions"]?.text ?? ""
        )
    }

    @Test func `a run whose OpenBLAS chose Prescott has the processor's kernel, and run json says why`() throws {
        let harness = try CommandHarness()
        defer { harness.remove() }
        let result = try harness.run(
            ["train", "data", "--from-scratch", "--output", "run"] + CommandHarness.quick,
            environment: Self.chosePrescott)
        #expect(result.code == 0, "\(result.error)")
        let record = try Data(contentsOf: URL(fileURLWithPath: harness.folder + "/run/run.json"))
        let openblas = try #require(JSON.parse(record)?["openblas"])
        #expect(Self.newest.contains(openblas["kernel"]?.text ?? ""))
        #expect(openblas["reason"]?.text == "Prescott, which OpenBLAS had chosen, is older than this processor")
        #expect(openblas["instructions"]?.text == InstructionSet.ofProcessor.name)
        #expect(openblas["version"]?.text?.contains(openblas["kernel"]?.text ?? "none") == true)
    }

    @Test func `a run that other kernels computed warns when it is resumed, and goes on`() throws {
        let harness = try CommandHarness()
        defer { harness.remove() }
        let first = try harness.run(
            ["train", "data", "--from-scratch", "--output", "run"] + CommandHarness.quick,
            environment: ["FROSTLINE_INSTRUCTIONS": "baseline"], without: ["OPENBLAS_CORETYPE"])
        #expect(first.code == 0, "\(first.error)")
        let without = ["OPENBLAS_CORETYPE", "FROSTLINE_INSTRUCTIONS"]
        let other = try harness.run(["train", "data", "--resume", "run", "--epochs", "2"], without: without)
        #expect(other.code == 0, "\(other.error)")
        #expect((other.output + other.error).contains("the run was computed with other kernels"))
    }

    @Test func `a wrong kernel makes way for the next, and the first choice stays where all others are wrong`() throws {
        var environment = Self.chosePrescott
        environment["FROSTLINE_WRONG_KERNELS"] = "Cooperlake,SkylakeX"
        let next = try bench([], environment)
        #expect(next.kernel == "Haswell")
        environment["FROSTLINE_WRONG_KERNELS"] = "Cooperlake,SkylakeX,Haswell,Zen,Sandybridge"
        let last = try bench([], environment)
        #expect(last.kernel == "Prescott")
        #expect(
            last.reason.hasPrefix("chosen by OpenBLAS; wrong here: ")
                && last.reason.hasSuffix("Haswell, Zen, Sandybridge"))
    }

    @Test func `OPENBLAS_CORETYPE is respected, and a wrong kernel then is an error that says what to do`() throws {
        let kept = try bench([], ["OPENBLAS_CORETYPE": "Haswell"])
        #expect(kept.kernel == "Haswell" && kept.reason == "OPENBLAS_CORETYPE")
        let harness = try CommandHarness(pictures: 0)
        defer { harness.remove() }
        let wrong = try harness.run(
            Self.bench, environment: ["OPENBLAS_CORETYPE": "Haswell", "FROSTLINE_WRONG_KERNELS": "Haswell"])
        #expect(wrong.code == 1)
        #expect(wrong.error.contains("computes wrong products on this processor with its kernel Haswell"))
        #expect(wrong.error.contains("--blas-kernel"))
    }

    @Test func `blas-kernel overrides the variable, and refuses what cannot be`() throws {
        let demanded = try bench(["--blas-kernel", "haswell"], ["OPENBLAS_CORETYPE": "Prescott"])
        #expect(demanded.kernel == "Haswell" && demanded.reason == "--blas-kernel")
        let harness = try CommandHarness(pictures: 0)
        defer { harness.remove() }
        let unknown = try harness.run(Self.bench + ["--blas-kernel", "Pentium"])
        #expect(unknown.code == 64)
        #expect(unknown.error.contains("'Pentium' is invalid for '--blas-kernel <name>'"))
        #expect(BLASKernel.all.allSatisfy { unknown.error.contains($0.name) })
        let held = try harness.run(Self.bench + ["--avx2", "--blas-kernel", "SkylakeX"])
        #expect(held.code == 1)
        #expect(held.error.hasPrefix("frostline: --blas-kernel SkylakeX: needs AVX-512, which "))
    }

    @Test func `avx2 and FROSTLINE_INSTRUCTIONS hold loops and OpenBLAS to older instructions`() throws {
        let avx2 = try bench(["--avx2"], [:])
        #expect(avx2.instructions == "avx2" && ["Haswell", "Zen"].contains(avx2.kernel), "\(avx2)")
        let baseline = try bench([], ["FROSTLINE_INSTRUCTIONS": "baseline"])
        #expect(baseline.instructions == "baseline" && baseline.kernel == "Nehalem", "\(baseline)")
        let harness = try CommandHarness(pictures: 0)
        defer { harness.remove() }
        let odd = try harness.run(Self.bench, environment: ["FROSTLINE_INSTRUCTIONS": "AVX"])
        #expect(odd.code == 1)
        #expect(odd.error == "frostline: FROSTLINE_INSTRUCTIONS AVX: expected one of baseline, avx2, avx512.\n")
    }

    @Test func `a record of another process is not believed`() throws {
        var environment = Self.chosePrescott
        environment["FROSTLINE_RESTART"] =
            #"{"process":1,"coreType":null,"record":{"own":"Prescott","isOwnSound":true,"isOwnHeld":true,"#
            + #""asked":["Cooperlake","SkylakeX","Haswell"],"wrong":[],"absent":[],"isOver":true}}"#
        #expect(Self.newest.contains(try bench([], environment).kernel))
        environment["FROSTLINE_RESTART"] = "{"
        #expect(Self.newest.contains(try bench([], environment).kernel))
    }

    /// The shell notes the process before it becomes the program; HUP is ignored, as under nohup, and USR1 blocked.
    @Test func `the restarted program has the same process, arguments, streams and signals`() throws {
        let harness = try CommandHarness()
        defer { harness.remove() }
        let arguments =
            ["train", "data", "--from-scratch", "--output", "a run", "--freeze", "bn*"] + CommandHarness.quick
            + ["--epochs", "100000"]
        let script = """
            echo unread | sh -c 'echo $$ >pid; links=$(readlink /proc/$$/fd/0 /proc/$$/fd/1); echo "$links" >before
                exec env --ignore-signal=HUP --block-signal=USR1 "$0" "$@"' "$0" "$@" 2>errors | cat >output &
            tries=600
            until [ -s 'a run/metrics.jsonl' ] || [ $((tries -= 1)) = 0 ]; do sleep 0.1; done
            process=$(cat pid)
            readlink /proc/$process/fd/0 /proc/$process/fd/1 >after
            for file in cmdline environ status comm; do cat /proc/$process/$file >$file; done
            kill -TERM $process
            wait
            """
        _ = try harness.run(
            ["-c", script, CommandHarness.program.path] + arguments, program: URL(fileURLWithPath: "/bin/sh"),
            environment: Self.chosePrescott)
        func text(_ name: String) throws -> String {
            try String(contentsOfFile: harness.folder + "/" + name, encoding: .utf8)
        }
        // It was started again, and was asked for one kernel.
        let environment = try text("environ").split(separator: "\0").map(String.init)
        let passed = try #require(environment.first { $0.hasPrefix("FROSTLINE_RESTART=") }?.dropFirst(18))
        #expect(JSON.parse(Data(passed.utf8))?["record"]?["asked"]?.items?.count == 1)
        #expect(try text("cmdline") == ([CommandHarness.program.path] + arguments).map { $0 + "\0" }.joined())
        #expect(try text("comm") == "frostline\n")
        #expect(try text("after") == text("before") && text("after").hasPrefix("pipe:"))
        func signals(_ field: String) throws -> UInt64 {
            let line = try text("status").split(separator: "\n").first { $0.hasPrefix(field) }
            return try #require(line?.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) })
        }
        #expect(try signals("SigIgn:") >> UInt64(SIGHUP - 1) & 1 == 1)
        #expect(try signals("SigBlk:") >> UInt64(SIGUSR1 - 1) & 1 == 1)
        #expect(try signals("SigBlk:") >> UInt64(SIGTERM - 1) & 1 == 0)
        // TERM ended it as it ends any run: saved, and all that it printed went through the pipe.
        #expect(FileManager.default.fileExists(atPath: harness.folder + "/a run/last.safetensors"))
        #expect(try text("output").contains("step"))
        #expect(try text("errors") == "")
    }
}
