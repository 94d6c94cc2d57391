import Foundation
import Testing

import Training

private struct ScheduleFixture: Decodable {
    let kind: String
    let total: Int
    let base: Double
    let rates: [Double]
    let momenta: [Double]
}

func fixture(_ name: String) throws -> Data {
    let url = try #require(Bundle.module.url(forResource: "Fixtures/" + name, withExtension: nil))
    return try Data(contentsOf: url)
}

@Suite struct ScheduleTests {
    @Test func `every schedule gives PyTorch's learning rate and momentum at every step`() throws {
        let fixtures = try JSONDecoder().decode([ScheduleFixture].self, from: fixture("schedules.json"))
        #expect(fixtures.count == 12)
        for fixture in fixtures {
            let kind = try #require(ScheduleKind(rawValue: fixture.kind))
            let schedule = Schedule(kind, base: fixture.base, total: fixture.total)
            for step in 1...fixture.total {
                let rate = schedule.learningRate(step: step)
                #expect(abs(rate - fixture.rates[step - 1]) <= 1e-12, "\(fixture.kind) \(fixture.total) step \(step)")
                let momentum = schedule.momentum(step: step, configured: 0.9)
                #expect(abs(momentum - fixture.momenta[step - 1]) <= 1e-12, "\(fixture.kind) step \(step)")
            }
        }
    }
}
