#pragma once
// A drill as read from its file: plain data. drills/README.md is the format's reference.

#include "engine/base/clock.h"
#include "engine/base/error.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace engine {

enum class Compare : std::uint32_t { LessEqual, Less, GreaterEqual, Greater, Equal };
enum class Unit : std::uint32_t { None, Millis, Seconds, Share, Events, PerSecond };

/// `OP VALUE UNIT [of baseline]`. Values are held in base units: ms for Millis, s for Seconds, 0..1
/// for Share.
struct Rule
{
    Compare compare = Compare::LessEqual;
    double value = 0;
    Unit unit = Unit::None;
    bool ofBaseline = false;
    [[nodiscard]] bool holds(double reading) const;
    [[nodiscard]] std::string text() const; ///< "<= 60 ms"
};

/// Where a thing stands in its file, 1-based; 0 = not from a file.
struct SourcePlace
{
    int line = 0, column = 0;
};

/// A steady-state indicator: a series held to a rule.
struct Indicator
{
    std::string name, series;
    Rule rule;
    SourcePlace place;
};

/// A step of the method: a fault on a target.
struct FaultStep
{
    std::string name, fault, target;
    Micros at{0};                   ///< from t = 0, warm-up included
    std::optional<Micros> duration; ///< undone then; none: until the cap
    std::map<std::string, std::string> settings;
    bool overrideLastHealthy = false;
    SourcePlace place, atPlace; ///< of the target, of the time
};

struct ResponseStep
{
    std::string name;
    std::string whenTarget, whenState; ///< "replica/2", "down" | "frozen"; or
    std::string whenSeries;            ///< a series with a rule held for a time
    Rule whenRule;
    Micros whenFor{0};
    std::string verb, target; ///< restart replica/2
    std::string by;           ///< supervisor, drill, gateway
    SourcePlace place;
};

struct Guard
{
    std::string series;
    Rule rule;
    Micros forTime{0};
    std::string text;
    SourcePlace place;
};

enum class Arrivals : std::uint32_t { Poisson, Constant };

struct Load
{
    Arrivals arrivals = Arrivals::Poisson;
    double rate = 200;        ///< requests per second
    Micros deadline{250'000}; ///< answered later = late
    Micros warmUp{10'000'000};
    Micros length{60'000'000}; ///< from t = 0, warm-up included
    /// Each application's share of the requests, 1 together; empty: the shop's usual ones.
    std::map<std::string, double> mix;
};

struct ShopNeed
{
    std::string application = "recommend";
    int replicas = 3;
    bool standby = false;
};

/// What the run must reach. Absent = not asked for.
struct VerdictRules
{
    std::optional<Rule> rto, budget, quality, rpo, detect, undo, alarms, responses;
    std::vector<Indicator> series; ///< {series, rule}
    Micros hold{15'000'000};
};

struct Drill
{
    std::string title, description;
    std::vector<std::string> tags;
    ShopNeed shop;
    Load load;
    std::string steadyTitle;
    std::vector<Indicator> steadyState;
    std::vector<FaultStep> method;
    std::vector<ResponseStep> responses;
    std::vector<Guard> guards;
    std::vector<std::string> keyResponse; ///< restart, ejection, fallback, breaker, retry ...
    VerdictRules verdict;
    std::string sourcePath, sourceText; ///< as read, for attachments and the editor
};

/// Resolved drill <-> canonical JSON (sorted keys, no white space): what RunStarted carries and the
/// hash is taken of.
[[nodiscard]] std::string toCanonicalJson(const Drill &drill);
[[nodiscard]] Result<Drill> fromCanonicalJson(std::string_view json);
/// Hex SHA-256 of the canonical JSON.
[[nodiscard]] std::string drillHash(const Drill &drill);

} // namespace engine
