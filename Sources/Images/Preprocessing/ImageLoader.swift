import Support

/// Decodes ahead of training on its own plain threads, in bounded memory (three batches ahead), and hands out batches.
///
/// What comes out depends on the arguments alone, never on the number of threads: images come in `order`, the random
/// choices of each from (seed, epoch, its index), and one that cannot be read is left out, the following ones moving up.
package final class ImageLoader: Sendable {
    private let work: Work
    private let batchSize: Int

    /// - Parameters:
    ///   - training: `augmented` images if true, `evaluated` ones if not.
    ///   - store: where resized bytes are kept for the next epoch, unless the augmentation is `.standard`.
    package init(
        source: any ImageSource, order: [Int], batchSize: Int, preprocessing: Preprocessing, training: Bool,
        seed: UInt64, epoch: Int, threads: Int, store: ResizedStore?
    ) {
        self.batchSize = max(1, batchSize)
        let preparation = Preparation(
            source: source, preprocessing: preprocessing, training: training, seed: seed, epoch: epoch, store: store)
        work = Work(preparation: preparation, order: order, ahead: 3 * self.batchSize)
        for _ in 0..<max(1, min(threads, order.count)) {
            let work = work
            work.state.with { $0.threads += 1 }
            if !NamedThread.start("decoder", { work.run() }) { work.state.with { $0.threads -= 1 } }
        }
    }

    deinit { cancel() }

    /// Waits for the next batch; nil after the last one, or once cancelled. The last batch may be smaller.
    /// Blocks: call it from a plain thread.
    package func next() -> ImageBatch? {
        let byteCount = work.preparation.preprocessing.byteCount
        var prepared: [(index: Int, bytes: [UInt8])] = []
        while prepared.count < batchSize, let image = work.take() { prepared.append(image) }
        guard !prepared.isEmpty, !work.isCancelled else { return nil }
        let total = prepared.count * byteCount
        let pixels = [Float](unsafeUninitializedCapacity: total) { buffer, count in
            guard let base = buffer.baseAddress else { return }
            for (position, image) in prepared.enumerated() {
                image.bytes.withUnsafeBufferPointer { Preprocessing.normalise($0, into: base + position * byteCount) }
            }
            count = total
        }
        return ImageBatch(
            indices: prepared.map(\.index), labels: prepared.map { work.preparation.source.label($0.index) },
            pixels: pixels)
    }

    /// Waits for the next image that could be read, as bytes that are not normalised yet; nil after the last one, or
    /// once cancelled. For batches that come from elsewhere in part.
    package func take() -> (index: Int, bytes: [UInt8])? { work.take() }

    /// Images left out so far, in `order`.
    package var failures: [(index: Int, message: String)] { work.state.with { $0.failures } }

    /// Stops the threads after the image that each is at; `next` returns nil from now on.
    package func cancel() {
        work.state.with {
            $0.cancelled = true
            $0.ready = [:]
        }
    }

    /// How many threads are still at work; 0 soon after the last image or `cancel`.
    package var liveThreads: Int { work.state.with { $0.threads } }

    /// What the threads share; they hold this and not the loader, so that letting go of the loader stops them.
    private final class Work: Sendable {
        struct State {
            /// The next position in the order that is not begun yet.
            var begun = 0
            /// The next position that `take` hands out.
            var taken = 0
            var ready: [Int: Result<[UInt8], any Error>] = [:]
            var failures: [(index: Int, message: String)] = []
            var cancelled = false
            var threads = 0
        }

        let preparation: Preparation
        let order: [Int]
        let ahead: Int
        let state = Monitor(State())

        init(preparation: Preparation, order: [Int], ahead: Int) {
            self.preparation = preparation
            self.order = order
            self.ahead = ahead
        }

        var isCancelled: Bool { state.with { $0.cancelled } }

        /// What each thread does until the order ends.
        func run() {
            while let position = begin() {
                let result = Result { try preparation.bytes(order[position]) }
                state.with { if !$0.cancelled { $0.ready[position] = result } }
            }
            state.with { $0.threads -= 1 }
        }

        private func begin() -> Int? {
            state.wait { state -> Int?? in
                if state.cancelled || state.begun >= order.count { return .some(nil) }
                guard state.begun < state.taken + ahead else { return nil }
                state.begun += 1
                return .some(state.begun - 1)
            }
        }

        /// The next image that could be read, in order.
        func take() -> (index: Int, bytes: [UInt8])? {
            while true {
                let (position, result) = state.wait { state -> (Int, Result<[UInt8], any Error>?)? in
                    if state.cancelled || state.taken >= order.count { return (state.taken, nil) }
                    if let result = state.ready.removeValue(forKey: state.taken) {
                        state.taken += 1
                        if case .failure(let error) = result {
                            state.failures.append((order[state.taken - 1], "\(error)"))
                        }
                        return (state.taken - 1, result)
                    }
                    if state.threads == 0, state.begun == state.taken {
                        // The system gave no thread at all: do the work here.
                        state.begun += 1
                        return (state.taken, nil)
                    }
                    return nil
                }
                switch result {
                case .success(let bytes)?: return (order[position], bytes)
                case .failure?: continue
                case nil:
                    let mine = state.with { !$0.cancelled && position < order.count && $0.ready[position] == nil }
                    guard mine else { return nil }
                    let result = Result { try preparation.bytes(order[position]) }
                    state.with { $0.ready[position] = result }
                }
            }
        }
    }
}

/// How one image becomes bytes: from the store, or decoded and resized.
struct Preparation: Sendable {
    let source: any ImageSource
    let preprocessing: Preprocessing
    let training: Bool
    let seed: UInt64
    let epoch: Int
    let store: ResizedStore?

    func bytes(_ index: Int) throws -> [UInt8] {
        let augmentation = training ? preprocessing.augmentation : .none
        guard augmentation.keepsResizedBytes else {
            return preprocessing.augmented(try source.image(index), seed: seed, epoch: epoch, index: index)
        }
        let bytes: [UInt8]
        if let kept = store?.bytes(index, imageSize: preprocessing.imageSize) {
            bytes = kept
        } else {
            bytes = preprocessing.evaluated(try source.image(index))
            store?.keep(bytes, index, imageSize: preprocessing.imageSize)
        }
        guard augmentation == .flip else { return bytes }
        return preprocessing.flippedAtRandom(bytes, seed: seed, epoch: epoch, index: index)
    }
}
