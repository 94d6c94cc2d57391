import Foundation
import Kernels
import Model
import Ranks
import Support
import TrainingEvents

/// What ranks tell each other besides sums.
extension RankGroup {
    /// Rank 0's value, on every rank.
    func agree<Value: Codable>(on value: @autoclosure () -> Value) throws -> Value {
        let own = isFirst ? value() : nil
        let bytes = try broadcast(own.map { Array(try JSONEncoder().encode($0)) } ?? [])
        return try own ?? JSONDecoder().decode(Value.self, from: Data(bytes))
    }

    /// Every rank's value, on every rank.
    package func gatherValues<Value: Codable>(_ value: Value) throws -> [Value] {
        let all = gather(Array(try JSONEncoder().encode(value)))
        try requireSound()
        return try all.map { try JSONDecoder().decode(Value.self, from: Data($0)) }
    }

    /// Throws `RankFailure` where a rank has another value than rank 0; `describe` gets that rank's and rank 0's.
    func requireSame<Value: Codable & Equatable>(_ value: Value, _ describe: (Value, Value) -> String) throws {
        let all = try gatherValues(value)
        for (rank, other) in all.enumerated() where other != all[0] {
            throw RankFailure(rank: rank, "rank \(rank) on \(hosts[rank]) \(describe(other, all[0]))")
        }
    }
}

extension RunOptions {
    /// Rank 0's options, with what belongs to this machine left as it is.
    package func agreed(_ group: any RankGroup) throws -> RunOptions {
        let line = try group.agree(on: json.line)
        var options = self
        if let json = JSON.parse(Data(line.utf8)), let first = RunOptions(json: json) { options.adopt(first) }
        return options
    }
}

/// A picture that could not be read.
struct UnreadablePicture: Codable, Sendable {
    var index: Int
    var message: String

    /// Those of all ranks, by their place.
    static func all(_ own: [(index: Int, message: String)], _ group: any RankGroup) throws -> [(
        index: Int, message: String
    )] {
        try group.gatherValues(own.map { UnreadablePicture(index: $0.index, message: $0.message) })
            .joined().map { ($0.index, $0.message) }.sorted { $0.0 < $1.0 }
    }
}

/// What must be the same on all ranks before they begin.
struct RankStart: Codable, Equatable {
    var version: String
    var options: String
    /// Of the own loops, and OpenBLAS's kernel: other ones give other bits, and the ranks' weights would drift apart.
    var kernels: String
    var training: Int
    var validation: Int
    var images: UInt64

    private init(_ options: RunOptions, _ sets: ImageSets) {
        version = frostlineVersion
        var shared = RunOptions()
        shared.adopt(options)
        self.options = shared.json.line
        let choice = BLAS.choice.json
        kernels = [choice["kernel"]?.text, choice["instructions"]?.text].compactMap { $0 }.joined(separator: ", ")
        (training, validation, images) = (sets.training.count, sets.validation.count, sets.identity)
    }

    /// Throws `RankFailure` where a rank would not begin as rank 0 does.
    static func requireSame(_ options: RunOptions, _ sets: ImageSets, data: TrainingData, _ group: (any RankGroup)?)
        throws
    {
        try group?.requireSame(RankStart(options, sets)) { difference($0, $1, data: data.description) }
    }

    /// What is different, and what to do.
    private static func difference(_ other: RankStart, _ first: RankStart, data: String) -> String {
        if other.version != first.version {
            return "has Frostline \(other.version), rank 0 has \(first.version); install the same on all machines."
        }
        if other.options != first.options {
            return "was given other options than rank 0; start all ranks with the same command line."
        }
        if other.kernels != first.kernels {
            return
                "computes with other kernels (\(other.kernels)) than rank 0 (\(first.kernels)), and so would come to other "
                + "weights; give all ranks the same --blas-kernel, and --avx2 where one lacks AVX-512."
        }
        return "has other pictures in \(data) (\(other.training) and \(other.validation) for validation) than rank 0 "
            + "(\(first.training) and \(first.validation)); give all machines the same folder."
    }
}

extension ResNet18 {
    /// Gives every rank the weights and running statistics of rank 0.
    func shareTensors(_ group: any RankGroup) throws {
        for parameter in parameters { group.share(parameter.values) }
        weightsChanged(everything: true)
        try shareStatistics(group)
    }

    /// Gives every rank the running statistics of rank 0.
    func shareStatistics(_ group: any RankGroup) throws {
        for spec in specs where spec.kind != .parameter {
            if spec.kind == .batchesTracked {
                var count = batchesTracked(spec.name)
                withUnsafeMutableBytes(of: &count) { group.broadcast($0) }
                try loadBatchesTracked(spec.name, count)
            } else {
                var values = export(spec.name)
                values.withUnsafeMutableBytes { group.broadcast($0) }
                if !group.isFirst { try load(spec.name, floats: values) }
            }
            try group.requireSound()
        }
    }
}

extension RankGroup {
    fileprivate func share(_ buffer: FloatBuffer) {
        broadcast(UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(start: buffer.pointer, count: buffer.count)))
    }
}

extension TrainingRun {
    /// Gives every rank the optimizer's buffers of rank 0.
    func shareOptimizer(_ group: any RankGroup) throws {
        struct Buffers: Codable {
            var name: String
            var steps: Int
            var moments: Int
        }
        let kept = try group.agree(
            on: optimizer.states.sorted { $0.key < $1.key }.map {
                Buffers(name: $0.key, steps: $0.value.steps, moments: $0.value.moments.count)
            })
        for buffers in kept {
            guard let parameter = model.parameter(buffers.name) else { continue }
            var state = optimizer.states[buffers.name] ?? OptimizerState()
            state.steps = buffers.steps
            while state.moments.count < buffers.moments { state.moments.append(FloatBuffer(count: parameter.count)) }
            for moment in state.moments { group.share(moment) }
            optimizer.restore(state, for: buffers.name)
        }
        try group.requireSound()
    }

    /// Throws where the weights that train are not the same bits on every rank.
    func requireSameWeights(_ group: any RankGroup) throws {
        let hashes = trainableNames.map { model.contentHash($0) }
        try group.requireSame(hashes.withUnsafeBytes { ContentHash.of($0) }) { _, _ in
            "has come to other weights than rank 0 after step \(progress.step): its processor or memory computes wrongly, or "
                + "its libraries are others."
        }
    }
}
