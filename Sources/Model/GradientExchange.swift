import Kernels
import Network
import Ranks

/// What statistics a BatchNorm in training mode uses where a batch is spread over ranks.
package enum RankBatchNorm: String, Sendable, CaseIterable, Codable {
    /// Those of the whole batch, as one process has them (PyTorch's SyncBatchNorm).
    case global
    /// Each rank those of its own pictures; the running ones are rank 0's (PyTorch's DistributedDataParallel).
    case local
}

/// The gradients of a step that several ranks compute together, each of its own pictures: they lie in one stretch of memory
/// in the order in which backward finishes them, and the sum over the ranks of each bucket of about 4 MiB is begun as soon
/// as its last gradient is there, while backward goes on (Li et al. 2020, arXiv 2006.15704).
package final class GradientExchange {
    package let group: any RankGroup
    package let batchNorm: RankBatchNorm
    /// Whether sums are begun during backward; otherwise `finish` begins them all, as where several batches make a step.
    package var overlaps = true

    /// Floats of a bucket, at least.
    static let bucketFloats = 1 << 20

    private var trainable: Set<String> = []
    private var memory: FloatBuffer?
    private var buckets: [Bucket] = []
    private var bucketOfParameter: [String: Int] = [:]

    private struct Bucket {
        var start: Int
        var count = 0
        var parameters = 0
        /// Gradients of this step that are not there yet.
        var missing = 0
    }

    package init(_ group: any RankGroup, batchNorm: RankBatchNorm) {
        self.group = group
        self.batchNorm = batchNorm
    }

    /// Gives each parameter of the mask its gradient, and begins a step.
    func begin(_ parameters: [Parameter], plan: TrainingPlan) {
        if plan.trainable != trainable || memory == nil {
            trainable = plan.trainable
            allocate(parameters.filter { plan.trains($0.name) }, plan)
        }
        for index in buckets.indices { buckets[index].missing = buckets[index].parameters }
    }

    private func allocate(_ trained: [Parameter], _ plan: TrainingPlan) {
        buckets = []
        bucketOfParameter = [:]
        // A cache line each, as every buffer has.
        func room(_ parameter: Parameter) -> Int { (parameter.count + 15) / 16 * 16 }
        let memory = FloatBuffer(count: trained.reduce(0) { $0 + room($1) })
        var offset = 0
        func place(_ parameter: Parameter) {
            parameter.gradient = FloatBuffer(partOf: memory, at: offset, count: parameter.count)
            offset += room(parameter)
        }
        // Backward comes from fc; what is not summed lies behind.
        let summed = trained.filter { plan.sumsGradient($0.name, sumsStatistics: batchNorm == .global) }
        for parameter in summed.reversed() {
            if buckets.last.map({ $0.count >= Self.bucketFloats }) ?? true { buckets.append(Bucket(start: offset)) }
            let last = buckets.count - 1
            buckets[last].count += room(parameter)
            buckets[last].parameters += 1
            bucketOfParameter[parameter.name] = last
            place(parameter)
        }
        for parameter in trained where bucketOfParameter[parameter.name] == nil { place(parameter) }
        self.memory = memory
    }

    /// Backward has finished a gradient.
    func ready(_ parameter: Parameter) {
        guard parameter.gradient != nil, let index = bucketOfParameter[parameter.name] else { return }
        buckets[index].missing -= 1
        if buckets[index].missing == 0, overlaps { beginSum(index) }
    }

    private func beginSum(_ index: Int) {
        guard let memory else { return }
        let bucket = buckets[index]
        // Longer ones in parts, so that the network carries one while another is added.
        for start in stride(from: 0, to: bucket.count, by: Self.bucketFloats) {
            group.beginSum(
                memory.pointer + bucket.start + start, count: min(Self.bucketFloats, bucket.count - start))
        }
        buckets[index].missing = -1
    }

    /// Begins what is not begun yet, and waits for all sums.
    package func finish() {
        for index in buckets.indices where buckets[index].missing >= 0 { beginSum(index) }
        group.finishSums()
    }
}
