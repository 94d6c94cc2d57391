import Foundation
import Model
import TrainingEvents

/// What a run will take at its peak, foreseen from shapes alone, and what the machine has left.
package struct MemoryNeed: Equatable {
    /// Weights, their packed copies, gradients and optimizer buffers.
    package var fixed: Int
    /// Activations and their gradients, of each picture of a batch.
    package var perPicture: Int

    package func bytes(batchSize: Int) -> Int { fixed + perPicture * batchSize }

    /// The largest batch that fits into `available`; nil where not even one picture does.
    package func batchSize(fitting available: Int) -> Int? {
        let room = (available - fixed) / max(1, perPicture)
        return room >= 1 ? room : nil
    }

    /// The program itself, with its libraries and the threads' scratch memory.
    private static let program = 120 << 20
    private static let float = MemoryLayout<Float>.size

    package init(options: RunOptions, classes: Int) {
        let parameters = ResNet18Layout.parameters(classes: classes)
        let plan = TrainingPlan(trainable: options.everTrainable(), frozenBatchNorm: options.frozenBatchNorm)
        let all = parameters.reduce(0) { $0 + $1.count }
        let training = parameters.filter { plan.trains($0.name) }.reduce(0) { $0 + $1.count }
        let moments = options.momentBuffers
        let sums = options.recipe.accumulate > 1 ? 1 : 0
        // Values, packed for forward and (what trains) backward; a save copies weights and moments once more.
        let perTrained = 2 + moments + sums + 1 + moments
        fixed = Self.program + (all * 3 + training * perTrained) * Self.float
        perPicture = Self.activations(plan, imageSize: options.imageSize) * Self.float
    }

    /// Floats of one picture that a step holds at once.
    private static func activations(_ plan: TrainingPlan, imageSize: Int) -> Int {
        func size(_ input: Int, _ kernel: Int, _ stride: Int) -> Int {
            ResNet18Layout.outputSize(input, kernel: kernel, stride: stride)
        }
        let stem = size(imageSize, 7, 2)
        var side = size(stem, 3, 2)
        // Decoded ahead (three batches of bytes) and the batch itself as floats.
        var kept = imageSize * imageSize * 3 * 2
        var largest = stem * stem * 64
        if plan.cut == 0 { kept += stem * stem * 64 + side * side * 64 }
        for (index, block) in ResNet18Layout.blocks.enumerated() {
            side = size(side, 3, block.first.stride)
            let map = side * side * block.first.outputs
            largest = max(largest, map)
            // First and second convolution, the block's output, and the shortcut where it has a convolution.
            if plan.cut <= index + 1 { kept += map * (block.downsample == nil ? 3 : 4) }
        }
        // The maps that the prefix or the backward pass goes to and fro between.
        return kept + largest * 2
    }
}

extension RunOptions {
    /// What trains at the start or after `--thaw`: thawing later needs what training from the start needs.
    func everTrainable() -> Set<String> {
        let names = ResNet18Layout.parameters(classes: 2).map(\.name)
        return recipe.thawRules.reduce(into: initialTrainable()) { trainable, rule in
            trainable.formUnion(names.filter(ParameterPattern(rule.pattern).matches))
        }
    }
}

/// Memory that this process may still take.
package struct AvailableMemory: Equatable {
    package var bytes: Int
    /// What sets the limit, in words.
    package var limit: String

    package init(bytes: Int, limit: String) {
        self.bytes = bytes
        self.limit = limit
    }

    /// The least of what the system has free and what every control group above this process still allows.
    package static func now() -> AvailableMemory? {
        var found: [AvailableMemory] = []
        if let free = meminfo("MemAvailable") { found.append(AvailableMemory(bytes: free, limit: "free memory")) }
        if let group = controlGroup() { found.append(group) }
        return found.min { $0.bytes < $1.bytes }
    }

    /// Of the whole machine, or of the control group where that is less.
    package static func total() -> Int? {
        [meminfo("MemTotal"), limits().map(\.limit).min()].compactMap { $0 }.min()
    }

    private static func meminfo(_ name: String) -> Int? {
        KernelFile.kibibytes(name, in: "/proc/meminfo").map { $0 << 10 }
    }

    private static func controlGroup() -> AvailableMemory? {
        limits().map { AvailableMemory(bytes: max(0, $0.limit - $0.used), limit: "memory limit of the control group") }
            .min { $0.bytes < $1.bytes }
    }

    /// Limits and use of the groups from this process's up to the root, versions 2 and 1.
    private static func limits() -> [(limit: Int, used: Int)] {
        guard let groups = KernelFile.text("/proc/self/cgroup") else { return [] }
        var found: [(limit: Int, used: Int)] = []
        for line in groups.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            let isSecond = parts[1].isEmpty
            guard isSecond || parts[1].split(separator: ",").contains("memory") else { continue }
            let root = isSecond ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory"
            let (limitName, usedName) =
                isSecond ? ("memory.max", "memory.current") : ("memory.limit_in_bytes", "memory.usage_in_bytes")
            var path = String(parts[2])
            while true {
                let folder = root + (path == "/" ? "" : path)
                if let limit = number("\(folder)/\(limitName)"), limit < 1 << 50 {
                    // Page cache counts as used and is given back on demand.
                    let cached = statistic("\(folder)/memory.stat", isSecond ? "file" : "total_cache")
                    found.append((limit, max(0, (number("\(folder)/\(usedName)") ?? 0) - cached)))
                }
                if path == "/" || path.isEmpty { break }
                path = (path as NSString).deletingLastPathComponent
            }
        }
        return found
    }

    private static func statistic(_ path: String, _ name: String) -> Int {
        let line = KernelFile.text(path)?.split(separator: "\n").first { $0.hasPrefix(name + " ") }
        return line?.split(separator: " ").last.flatMap { Int($0) } ?? 0
    }

    private static func number(_ path: String) -> Int? {
        KernelFile.text(path).flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    }
}

extension MemoryNeed {
    /// Why the run cannot start, with the batch size that would fit; nil where it can.
    package func refusal(batchSize: Int, available: AvailableMemory?) -> String? {
        guard let available, bytes(batchSize: batchSize) > available.bytes else { return nil }
        let advice =
            batchSizeAdvice(available.bytes, below: batchSize)
            ?? "not even --batch-size 1 would fit; freeze more, choose a smaller --image-size, or free some memory."
        return "--batch-size \(batchSize): this run needs about \(bytes(batchSize: batchSize) >> 20) MiB, "
            + "and \(available.bytes >> 20) MiB are left (\(available.limit)); \(advice)"
    }

    private func batchSizeAdvice(_ available: Int, below batchSize: Int) -> String? {
        batchSize > 1
            ? self.batchSize(fitting: available).map { "--batch-size \(min($0, batchSize - 1)) would fit." } : nil
    }
}
