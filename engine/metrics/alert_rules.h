#pragma once
// Alert rules from a Prometheus rule file, evaluated here: pending while a condition holds for less
// than `for`, firing afterwards, resolved when it holds no more.

#include "engine/metrics/alert_expression.h"

namespace engine {

struct AlertRule
{
    std::string name, expression, summary;
    Micros hold{0}; ///< `for`
    MetricLabels labels;
    AlertExpression parsed;
};

/// InvalidInput with file, line and column. What Prometheus knows and this does not is an error,
/// not ignored.
[[nodiscard]] Result<std::vector<AlertRule>> parseAlertRules(std::string_view text,
                                                             std::string_view file);
/// The rules that come with Drillroom (resources/prometheus/drillroom.rules.yml).
[[nodiscard]] Result<std::vector<AlertRule>> shippedAlertRules();

struct Alert
{
    std::string rule, summary;
    MetricLabels labels; ///< of the rule and of what fulfils it
    bool firing = false;
    double value = 0;
    MonoTime since{0}; ///< when its condition began to hold
};

/// One thread.
class AlertEngine
{
public:
    explicit AlertEngine(std::vector<AlertRule> rules) : m_rules(std::move(rules)) {}
    void take(const Window &window) { m_memory.take(window); }
    /// What began to fire or was resolved since the last call; call it once a second.
    [[nodiscard]] std::vector<Alert> evaluate(MonoTime now);
    [[nodiscard]] std::vector<Alert> firing() const;

private:
    std::vector<AlertRule> m_rules;
    MetricMemory m_memory;
    std::map<std::pair<std::size_t, MetricLabels>, Alert> m_active; ///< pending and firing
};

} // namespace engine
