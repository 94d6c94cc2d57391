import Support

extension ImageLoader {
    /// Decodes every image, or those at `indices`, once, on `threads` plain threads, and returns those that cannot be read,
    /// by index. Where the augmentation allows it (or `training` is false), the resized bytes are left in the store for the
    /// first epoch.
    ///
    /// - Parameters:
    ///   - progress: how many images are done; called on the calling thread, now and then and at the end.
    ///   - isCancelled: asked now and then on the calling thread; true ends the check early.
    package static func check(
        source: any ImageSource, indices: [Int]? = nil, preprocessing: Preprocessing, training: Bool = true,
        threads: Int, store: ResizedStore?, progress: (Int) -> Void, isCancelled: () -> Bool = { false }
    ) -> [(index: Int, message: String)] {
        let preparation = Preparation(
            source: source, preprocessing: preprocessing, training: training, seed: 0, epoch: 0, store: store)
        let state = Monitor(CheckState())
        let run: @Sendable () -> Void = {
            while let place = state.with({ $0.begin(of: indices?.count ?? source.count) }) {
                let index = indices?[place] ?? place
                let result = Result { try preparation.check(index) }
                state.with {
                    $0.done += 1
                    if case .failure(let error) = result { $0.failures.append((index, "\(error)")) }
                }
            }
            state.with { $0.threads -= 1 }
        }
        for _ in 0..<max(1, min(threads, source.count)) {
            state.with { $0.threads += 1 }
            if !NamedThread.start("decoder", run) { state.with { $0.threads -= 1 } }
        }
        if state.with({ $0.threads == 0 }) {
            state.with { $0.threads = 1 }
            run()
        }
        var seen = 0
        while true {
            let (done, live) = state.wait { state -> (Int, Int)? in
                state.threads == 0 || state.done > seen ? (state.done, state.threads) : nil
            }
            if done > seen { progress(done) }
            seen = done
            if live == 0 { break }
            if isCancelled() { state.with { $0.cancelled = true } }
        }
        return state.with { $0.failures }.sorted { $0.index < $1.index }
    }

    private struct CheckState {
        var begun = 0
        var done = 0
        var failures: [(index: Int, message: String)] = []
        var cancelled = false
        var threads = 0

        mutating func begin(of count: Int) -> Int? {
            guard !cancelled, begun < count else { return nil }
            begun += 1
            return begun - 1
        }
    }
}

extension Preparation {
    /// Decodes the image, and resizes it too where that fills the store.
    fileprivate func check(_ index: Int) throws {
        let keeps = !training || preprocessing.augmentation.keepsResizedBytes
        let fills = store.map { $0.usedBytes <= $0.budget - preprocessing.byteCount } ?? false
        if keeps, fills { _ = try bytes(index) } else { _ = try source.image(index) }
    }
}
