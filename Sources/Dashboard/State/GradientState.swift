import TUI
import TrainingEvents

/// Gradient norms and update-to-weight ratios, by node of the tree.
struct GradientState: Sendable {
    var norms: [Series]
    /// Norm of the whole gradient.
    var total = Series()
    /// Update-to-weight ratio, the largest of the node's members.
    var ratios: [Series]
    /// The latest ratios, by parameter.
    var updateRatios: [Double]
    /// The latest norms of every node, `recentCount` slots each, for the sparklines.
    private var latest: [Float]
    private var end = 0

    static let recentCount = 64

    init(_ tree: LayerTree = LayerTree()) {
        norms = [Series](repeating: Series(capacity: 1024), count: tree.nodes.count)
        ratios = [Series](repeating: Series(capacity: 512), count: tree.nodes.count)
        updateRatios = [Double](repeating: .nan, count: tree.parameters.count)
        latest = [Float](repeating: .nan, count: tree.nodes.count * Self.recentCount)
    }

    /// The last norms of a node, oldest first; nan where it had no gradient.
    func recent(_ node: Int, _ count: Int) -> [Float] {
        (0..<count).reversed().map { back in
            latest[node * Self.recentCount + (end + 2 * Self.recentCount - 1 - back) % Self.recentCount]
        }
    }

    mutating func take(_ report: StepReport, _ tree: LayerTree) {
        var squares = [Double](repeating: -1, count: tree.nodes.count)
        var largest = [Double](repeating: .nan, count: tree.nodes.count)
        for parameter in tree.parameters.indices {
            let name = tree.parameters[parameter].name
            let ratio = report.updateRatios[name] ?? .nan
            updateRatios[parameter] = ratio
            let norm = report.gradientNorms[name]
            var node: Int? = tree.leaf[parameter]
            while let number = node {
                if let norm { squares[number] = (squares[number] == -1 ? 0 : squares[number]) + norm * norm }
                if ratio.isFinite { largest[number] = largest[number].isNaN ? ratio : max(largest[number], ratio) }
                node = tree.nodes[number].parent
            }
        }
        let sum = tree.roots.reduce(0.0) { $0 + max(0, squares[$1]) }.squareRoot()
        if sum > 0 || sum.isNaN { total.append(sum, at: report.step) }
        for node in squares.indices {
            let norm = squares[node] == -1 ? .nan : squares[node].squareRoot()
            // A frozen row has no line, and none has to be kept for it.
            if norm.isFinite || !norms[node].slots.isEmpty { norms[node].append(norm, at: report.step) }
            if largest[node].isFinite || !ratios[node].slots.isEmpty {
                ratios[node].append(largest[node], at: report.step)
            }
            latest[node * Self.recentCount + end] = Float(norm)
        }
        if !squares.isEmpty { end = (end + 1) % Self.recentCount }
    }
}
