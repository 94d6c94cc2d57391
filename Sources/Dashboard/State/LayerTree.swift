import Network
import TUI
import TrainingEvents

/// The parameters of a network as the tree that their dotted names spell.
///
/// A group that holds a single parameter (`conv1`, with its `weight`) is one row without children.
package struct LayerTree: Sendable {
    package struct Node: Sendable {
        /// `layer3.0`; for a row of a single parameter, its full name stands in `parameterName`.
        package let path: String
        package let label: String
        package let depth: Int
        package let parent: Int?
        package var children: [Int] = []
        /// Indices into `parameters`, in order.
        package var members: [Int] = []
    }

    package private(set) var parameters: [ParameterDescription]
    package private(set) var nodes: [Node] = []
    package private(set) var roots: [Int] = []
    /// The node that stands for a parameter alone.
    package private(set) var leaf: [Int] = []

    package init(_ parameters: [ParameterDescription] = []) {
        self.parameters = parameters
        let parts = parameters.map { $0.name.split(separator: ".", omittingEmptySubsequences: false).map(String.init) }
        build(Array(parameters.indices), parts, depth: 0, parent: nil)
        leaf = [Int](repeating: 0, count: parameters.count)
        for (number, node) in nodes.enumerated() where node.children.isEmpty {
            for member in node.members { leaf[member] = number }
        }
    }

    private mutating func build(_ members: [Int], _ parts: [[String]], depth: Int, parent: Int?) {
        var order: [String] = []
        var groups: [String: [Int]] = [:]
        for member in members {
            let label = depth < parts[member].count ? parts[member][depth] : ""
            if groups[label] == nil { order.append(label) }
            groups[label, default: []].append(member)
        }
        for label in order {
            let group = groups[label] ?? []
            let number = nodes.count
            let path = parent.map { nodes[$0].path + "." + label } ?? label
            nodes.append(Node(path: path, label: label, depth: depth, parent: parent, members: group))
            if let parent { nodes[parent].children.append(number) } else { roots.append(number) }
            // Names of unreasonable depth come from no network; they stop here rather than nest without end.
            if group.count > 1, depth < 16, group.contains(where: { parts[$0].count > depth + 1 }) {
                build(group, parts, depth: depth + 1, parent: number)
            }
        }
    }

    /// The head has as many outputs as there are classes, which only the data set tells.
    package mutating func setOutputs(_ count: Int) {
        for (number, parameter) in parameters.enumerated()
        where ResNet.resnet18.isHead(parameter.name) && !parameter.shape.isEmpty {
            parameters[number] = ParameterDescription(
                name: parameter.name, shape: [count] + parameter.shape.dropFirst())
        }
    }

    package var names: [String] { parameters.map(\.name) }

    /// The full name of a row that stands for one parameter, else the group's path.
    func name(of node: Int) -> String {
        let members = nodes[node].members
        return members.count == 1 ? parameters[members[0]].name : nodes[node].path
    }

    package func count(_ node: Int) -> Int { nodes[node].members.reduce(0) { $0 + size($1) } }

    /// Parameters of a tensor; a shape that no memory could hold counts as none.
    package func size(_ parameter: Int) -> Int {
        var result = 1
        for extent in parameters[parameter].shape {
            let (product, overflow) = result.multipliedReportingOverflow(by: max(0, extent))
            if overflow || product > 1 << 48 { return 0 }
            result = product
        }
        return result
    }

    /// The highest rows that together are exactly these parameters.
    package func cover(_ wanted: Set<Int>) -> [Int] {
        var result: [Int] = []
        var open = Array(roots.reversed())
        while let number = open.popLast() {
            let node = nodes[number]
            let inside = node.members.count(where: wanted.contains)
            if inside == 0 { continue }
            if inside == node.members.count || node.children.isEmpty {
                result.append(number)
            } else {
                open.append(contentsOf: node.children.reversed())
            }
        }
        return result
    }

    /// The same as names of units and stages; the stem's is conv1, which bn1 belongs to.
    func groups(of wanted: Set<Int>) -> [String] {
        let paths = cover(wanted).map { nodes[$0].path }
        return paths.contains("conv1") ? paths.filter { $0 != "bn1" } : paths
    }

    /// `froze layer3, thawed fc`: what was done and to which parameters, where there are any.
    func name(_ changes: [(verb: String, parameters: Set<Int>)], _ glyphs: GlyphSet) -> String {
        changes.filter { !$0.parameters.isEmpty }.map { $0.verb + " " + name($0.parameters, glyphs) }
            .joined(separator: ", ")
    }

    /// `layer4`, `layer4, fc`, or `conv1…layer4` where there are more.
    package func name(_ wanted: Set<Int>, _ glyphs: GlyphSet) -> String {
        let paths = cover(wanted).map { nodes[$0].path }
        switch paths.count {
        case 0: return "nothing"
        case 1: return paths[0]
        case 2: return paths[0] + ", " + paths[1]
        default: return paths[0] + (glyphs == .unicode ? "…" : "..") + paths[paths.count - 1]
        }
    }
}
