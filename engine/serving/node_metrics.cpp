#include "engine/serving/node_metrics.h"

#include "engine/base/files.h"
#include "engine/metrics/metric_names.h"
#include "engine/metrics/sketch.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>
#include <fstream>
#include <mutex>
#include <prometheus/collectable.h>
#include <prometheus/exposer.h>
#include <prometheus/metric_family.h>
#include <unistd.h>

namespace engine {

void useScrapeStack(); // scrape_stack.cpp

namespace {

/// Seconds. Limits of drills lie between 25 ms and 1 s.
constexpr std::array kBounds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.06,
                             0.1,   0.25,   0.5,   1.0,  2.5,   5.0,  10.0};
/// Ranks that a window's sketch is read at; windows with more answers are weighted.
constexpr std::uint64_t kMostRanks = 1000;
constexpr std::size_t kMostLabelSets = 200; ///< per name; a hostile model version must not grow it

struct Histogram
{
    std::array<double, kBounds.size() + 1> buckets{}; ///< not cumulated
    double sum = 0;

    void add(const Sketch &sketch)
    {
        const auto ranks = std::min(sketch.count(), kMostRanks);
        const auto count = static_cast<double>(sketch.count());
        const auto weight = count / static_cast<double>(ranks);
        for (std::uint64_t i = 0; i < ranks; ++i) {
            // In the middle of its share of the ranks; the sketch counts them from 0 to count - 1.
            const auto rank = ranks == sketch.count() ? static_cast<double>(i) + 0.25
                                                      : (static_cast<double>(i) + 0.5) * weight;
            const auto seconds = sketch.quantile(rank / std::max(1.0, count - 1)) / 1000;
            const auto at = std::lower_bound(kBounds.begin(), kBounds.end(), seconds);
            buckets[static_cast<std::size_t>(at - kBounds.begin())] += weight;
            sum += seconds * weight;
        }
    }
};

prometheus::MetricFamily family(std::string name, std::string help, prometheus::MetricType type)
{
    prometheus::MetricFamily out;
    out.name = std::move(name);
    out.help = std::move(help);
    out.type = type;
    return out;
}

prometheus::ClientMetric labelled(const MetricLabels &labels)
{
    prometheus::ClientMetric out;
    for (const auto &[name, value] : labels)
        out.label.push_back({name, value});
    return out;
}

} // namespace

/// Collect() comes on the exposer's threads.
class NodeMetrics::Page final : public prometheus::Collectable
{
public:
    explicit Page(std::string target) : m_target(std::move(target)) {}

    void take(const Window &window)
    {
        const std::scoped_lock lock(m_mutex);
        for (const auto &sample : window.samples) {
            const auto metric = sampleMetric(window.source, sample.series);
            if (!metric || !std::isfinite(sample.value))
                continue;
            auto &values = m_values[metric->name];
            values.metric = *metric;
            if (values.byLabels.size() >= kMostLabelSets
                && !values.byLabels.contains(metric->labels))
                continue;
            auto &value = values.byLabels[metric->labels];
            value = metric->kind == MetricKind::Counter ? value + std::max(0.0, sample.value)
                                                        : sample.value;
        }
        for (const auto &sample : window.sketches) {
            const auto metric = sketchMetric(window.source, sample.series);
            auto &histogram = m_histograms[metric.name];
            histogram.first = metric;
            if (const auto sketch = Sketch::decode(sample.sketch))
                histogram.second.add(*sketch);
        }
    }

    std::vector<prometheus::MetricFamily> Collect() const override
    {
        auto out = ofProcess();
        const std::scoped_lock lock(m_mutex);
        for (const auto &[name, values] : m_values) {
            const bool isCounter = values.metric.kind == MetricKind::Counter;
            auto one =
                family(name, values.metric.help,
                       isCounter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge);
            for (const auto &[labels, value] : values.byLabels) {
                auto metric = labelled(labels);
                (isCounter ? metric.counter.value : metric.gauge.value) = value;
                one.metric.push_back(std::move(metric));
            }
            out.push_back(std::move(one));
        }
        for (const auto &[name, entry] : m_histograms) {
            auto one = family(name, entry.first.help, prometheus::MetricType::Histogram);
            auto metric = labelled(entry.first.labels);
            double cumulated = 0;
            for (std::size_t i = 0; i < entry.second.buckets.size(); ++i) {
                cumulated += entry.second.buckets[i];
                const auto bound =
                    i < kBounds.size() ? kBounds[i] : std::numeric_limits<double>::infinity();
                metric.histogram.bucket.push_back(
                    {static_cast<std::uint64_t>(std::llround(cumulated)), bound});
            }
            metric.histogram.sample_count = metric.histogram.bucket.back().cumulative_count;
            metric.histogram.sample_sum = entry.second.sum;
            one.metric.push_back(std::move(metric));
            out.push_back(std::move(one));
        }
        return out;
    }

private:
    [[nodiscard]] std::vector<prometheus::MetricFamily> ofProcess() const
    {
        std::vector<prometheus::MetricFamily> out;
        const auto add = [&](const char *name, const char *help, bool isCounter, double value,
                             const MetricLabels &labels) {
            auto one =
                family(name, help,
                       isCounter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge);
            auto metric = labelled(labels);
            (isCounter ? metric.counter.value : metric.gauge.value) = value;
            one.metric.push_back(std::move(metric));
            out.push_back(std::move(one));
        };
        const MetricLabels own{{"target", m_target}};
        std::ifstream statm("/proc/self/statm"), stat("/proc/self/stat");
        double pages = 0, resident = 0;
        statm >> pages >> resident;
        const auto pageSize = static_cast<double>(::sysconf(_SC_PAGESIZE));
        add("process_resident_memory_bytes", "Resident memory size in bytes", false,
            resident * pageSize, own);
        std::string text;
        std::getline(stat, text);
        double user = 0, system = 0;
        // Fields 14 and 15; the program's name before them may hold blanks.
        if (const auto end = text.rfind(')'); end != std::string::npos)
            (void)std::sscanf(text.c_str() + end + 1,
                              " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lf %lf", &user,
                              &system);
        add("process_cpu_seconds_total", "Total user and system CPU time spent in seconds", true,
            (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK)), own);
        std::error_code error;
        double files = 0;
        for (std::filesystem::directory_iterator at("/proc/self/fd", error), end;
             !error && at != end; at.increment(error))
            ++files;
        add("process_open_fds", "Number of open file descriptors", false, files, own);
        add("drillroom_build_info", "The version of this Drillroom, always 1", false, 1,
            {{"target", m_target}, {"version", DRILLROOM_VERSION}});
        return out;
    }

    struct Values
    {
        MetricName metric;
        std::map<MetricLabels, double> byLabels;
    };
    const std::string m_target;
    mutable std::mutex m_mutex; // the rest
    std::map<std::string, Values> m_values;
    std::map<std::string, std::pair<MetricName, Histogram>> m_histograms;
};

struct NodeMetrics::Server
{
    explicit Server(int port) : exposer(fmt::format("127.0.0.1:{}", port), 1) {}
    prometheus::Exposer exposer;
};

Result<std::unique_ptr<NodeMetrics>> NodeMetrics::start(const NodeConfig &config)
{
    const auto port = config.numberOption("metrics_port", 0, -1, 65'535);
    DR_RETURN_IF_ERROR(port);
    std::unique_ptr<NodeMetrics> out(new NodeMetrics);
    out->m_page = std::make_shared<Page>(config.target);
    if (*port < 0)
        return out;
    useScrapeStack();
    try {
        out->m_server = std::make_unique<Server>(static_cast<int>(*port));
        out->m_server->exposer.RegisterCollectable(out->m_page);
        const auto ports = out->m_server->exposer.GetListeningPorts();
        out->m_port = ports.empty() ? 0 : ports[0];
    } catch (const std::exception &error) {
        return fail(ErrorCode::Io,
                    fmt::format("/metrics cannot be served on 127.0.0.1:{} ({}); choose another "
                                "\"metrics_port\", 0 for a free one or -1 for none",
                                *port, error.what()));
    }
    auto file = config.target;
    std::replace(file.begin(), file.end(), '/', '-');
    const auto role = config.target.substr(0, config.target.find('/'));
    const auto folder = config.shop / "metrics";
    const auto targets =
        nlohmann::json::array({{{"targets", {fmt::format("127.0.0.1:{}", out->m_port)}},
                                {"labels", {{"target", config.target}, {"role", role}}}}});
    DR_RETURN_IF_ERROR(makePrivateFolder(folder));
    DR_RETURN_IF_ERROR(writeTextAtomically(folder / (file + ".json"), targets.dump(1)));
    return out;
}

NodeMetrics::~NodeMetrics() = default;

void NodeMetrics::take(const Window &window)
{
    m_page->take(window);
}

} // namespace engine
