import ArgumentParser
import Experiments
import Foundation
import Kernels
import Model
import Network
import Ranks
import Support
import Training

extension Benchmark.Mode: ExpressibleByArgument {}

struct BenchCommand: ComputingCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Milliseconds per step and images per second on this machine.")

    @Option(help: "head, partial or full.") var strategy: Strategy = .full
    @Option(help: "Pictures a step.") var batchSize = 16
    @Option(help: "Side of the square that the network sees, in pixels.") var imageSize = 224
    @Option(help: "How many steps are timed, after two that are not.") var steps = 10
    @Option(help: "Worker threads. (default: all cores)") var threads: Int?
    @Option(help: "train: whole steps; eval: forward only; cached: steps from cached features.")
    var mode: Benchmark.Mode = .train
    @Flag(help: "Also print where the time goes, layer by layer.") var profile = false
    @Flag(help: "Print one JSON object.") var json = false

    @Option(help: .of(\.batchNorm)) var batchnorm: RankBatchNorm = .global
    @Flag(inversion: .prefixedNo, help: "Of several ranks: sum gradients while backward goes on.") var overlap = true

    @OptionGroup var processes: RankArguments

    @OptionGroup(title: "Processor") var processor: ProcessorArguments

    func run() throws { try processes.share(time) }

    private func time(_ group: (any RankGroup)?) throws {
        var options = RunArguments.machineDefaults()
        options.strategy = strategy
        options.batchSize = batchSize
        options.imageSize = imageSize
        if let threads { options.threads = threads }
        let clock = profile ? LayerClock() : nil
        options.batchNorm = batchnorm
        let result = try Benchmark.run(
            options, mode: mode, steps: steps, clock: clock, group: group, overlaps: overlap)
        // Measured by all ranks.
        let exchange = group.map { ($0.measure(), $0) }
        guard group.leads else { return }
        let sorted = result.milliseconds.sorted()
        guard let fastest = sorted.first, let slowest = sorted.last else { return }
        // Before the yardstick's matrices add to it.
        let peakMemory = result.peakMemoryMiB
        let layers = clock.map {
            let pool = WorkerPool(threads: options.threads)
            return LayerProfile(
                timings: $0.timings,
                peak: (PeakSpeed.multipliers(pool: pool), PeakSpeed.product(pool: pool)), imageSize: imageSize)
        }
        let kernel = BLAS.choice
        if json {
            StandardStreams.json(
                .object(
                    [
                        ("strategy", .string(strategy.rawValue)), ("mode", .string(mode.rawValue)),
                        ("batchSize", .integer(batchSize)), ("imageSize", .integer(imageSize)),
                        ("steps", .integer(steps)), ("threads", .integer(options.threads)),
                        ("milliseconds", .number(result.median)), ("fastestMilliseconds", .number(fastest)),
                        ("slowestMilliseconds", .number(slowest)), ("imagesPerSecond", .number(result.imagesPerSecond)),
                        ("peakMemoryMiB", .number(peakMemory)), ("processor", .string(Self.processor)),
                        ("openblas", .string(BLAS.version)), ("kernel", .string(kernel.kernel)),
                        ("kernelReason", .string(kernel.reason)),
                        ("instructions", .string(InstructionSet.inUse.name)),
                    ]
                        + (exchange.map { speed, group in
                            [
                                ("ranks", .integer(group.count)), ("hosts", .integer(group.machines.count)),
                                ("waitedMilliseconds", .number(result.medianWait)),
                                ("latencyMilliseconds", .number(speed.latency * 1000)),
                                ("bytesPerSecond", .number(speed.bandwidth)),
                            ]
                        } ?? []) + (layers?.json ?? [])))
            return
        }
        func short(_ value: Double) -> String { Numbers.fixed(value, 1) }
        StandardStreams.line(
            "\(Self.processor), \(options.threads) threads, own loops \(InstructionSet.inUse.name), \(BLAS.version)")
        StandardStreams.line("kernel \(kernel.kernel): \(kernel.reason)")
        StandardStreams.line(
            "\(mode.rawValue) \(strategy.rawValue), batch \(batchSize), \(imageSize) px: \(short(result.median)) ms a step"
                + " (\(short(fastest)) to \(short(slowest))), \(short(result.imagesPerSecond)) images/s,"
                + " peak memory \(short(peakMemory)) MiB")
        if let (speed, group) = exchange {
            StandardStreams.line(
                "\(group.count) ranks on \(group.machines.count) machines: rank 0 waited \(short(result.medianWait)) ms a "
                    + "step; a short sum takes \(Numbers.fixed(speed.latency * 1000, 3)) ms, large ones run at "
                    + "\(short(speed.bandwidth / 1e6)) MB/s")
        }
        if let layers { StandardStreams.line("\n" + layers.table) }
    }

    /// The processor's name, as the kernel gives it.
    static var processor: String {
        let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("model name") }
        return line?.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown processor"
    }
}
