import Support

extension ImageLoader {
    /// Decodes every image once, on `threads` plain threads, and returns those that cannot be read, by index. Where the
    /// augmentation allows it (or `training` is false), the resized bytes are left in the store for the first epoch.
    ///
    /// - Parameters:
    ///   - progress: how many images are done; called on the calling thread, now and then and at the end.
    ///   - isCancelled: asked now and then on the calling thread; true ends the check early.
    package static func check(
        source: any ImageSource, preprocessing: Preprocessing, training: Bool = true, threads: Int,
        store: ResizedStore?, progress: (Int) -> Void, isCancelled: () -> Bool = { false }
    ) -> [(index: Int, message: String)] {
        let preparation = Preparation(
            source: source, preprocessing: preprocessing, training: training, seed: 0, epoch: 0, store: store)
        let check = Check(preparation: preparation)
        for _ in 0..<max(1, min(threads, source.count)) {
            check.state.with { $0.threads += 1 }
            if !NamedThread.start("decoder", { check.run() }) { check.state.with { $0.threads -= 1 } }
        }
        if check.state.with({ $0.threads == 0 }) {
            check.state.with { $0.threads = 1 }
            check.run()
        }
        var seen = 0
        while true {
            let (done, live) = check.state.wait { state -> (Int, Int)? in
                state.threads == 0 || state.done > seen ? (state.done, state.threads) : nil
            }
            if done > seen { progress(done) }
            seen = done
            if live == 0 { break }
            if isCancelled() { check.state.with { $0.cancelled = true } }
        }
        return check.state.with { $0.failures }.sorted { $0.index < $1.index }
    }

    private final class Check: Sendable {
        struct State {
            var begun = 0
            var done = 0
            var failures: [(index: Int, message: String)] = []
            var cancelled = false
            var threads = 0
        }

        let preparation: Preparation
        let state = Monitor(State())

        init(preparation: Preparation) {
            self.preparation = preparation
        }

        func run() {
            let count = preparation.source.count
            while true {
                let index = state.with { state -> Int? in
                    guard !state.cancelled, state.begun < count else { return nil }
                    state.begun += 1
                    return state.begun - 1
                }
                guard let index else { break }
                do {
                    try preparation.check(index)
                    state.with { $0.done += 1 }
                } catch {
                    state.with {
                        $0.done += 1
                        $0.failures.append((index, "\(error)"))
                    }
                }
            }
            state.with { $0.threads -= 1 }
        }
    }
}

extension Preparation {
    /// Decodes the image, and resizes it too where that fills the store.
    fileprivate func check(_ index: Int) throws {
        let keeps = !training || preprocessing.augmentation.keepsResizedBytes
        if let store, keeps, store.usedBytes <= store.budget - preprocessing.byteCount {
            _ = try bytes(index)
        } else {
            _ = try source.image(index)
        }
    }
}
