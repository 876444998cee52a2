#include "ui/models/process_model.h"

#include "ui/session/run_facts.h"
#include "ui/session/track_data.h"

#include <algorithm>
#include <cmath>

namespace ui {

namespace {

int order(const engine::ProcessChanged &process)
{
    static constexpr std::string_view kOrder[] = {"replica", "standby", "gateway", "store",
                                                  "traffic"};
    const auto *found = std::find(std::begin(kOrder), std::end(kOrder), process.role);
    return static_cast<int>(found - std::begin(kOrder));
}

/// Mean of the newest second before the playhead, per second; NaN without readings.
double ratePerSecond(const engine::TimelineSnapshot &snapshot, const std::string &series)
{
    const auto *bins = findSeries(snapshot, series);
    if (!bins || bins->mean.empty())
        return kGap;
    const double width = std::max(0.001, toSeconds(snapshot.binWidth));
    const auto last =
        static_cast<std::ptrdiff_t>(std::min(static_cast<double>(bins->mean.size()) - 1,
                                             toSeconds(snapshot.playhead - snapshot.from) / width));
    const auto count = std::max<std::ptrdiff_t>(1, std::lround(1.0 / width));
    double sum = 0;
    double n = 0;
    for (auto i = last; i >= 0 && i > last - count - 3 && n < double(count); --i) {
        const auto value = bins->mean[static_cast<std::size_t>(i)];
        if (std::isnan(value))
            continue;
        sum += double(value);
        n += 1;
    }
    return n > 0 ? sum / n * 1e6 / double(engine::kWindow.count()) : kGap;
}

double newest(const engine::TimelineSnapshot &snapshot, const engine::SeriesBins *bins)
{
    if (!bins || bins->mean.empty())
        return kGap;
    const double width = std::max(0.001, toSeconds(snapshot.binWidth));
    const double at = toSeconds(snapshot.playhead - snapshot.from) / width;
    auto i = static_cast<std::ptrdiff_t>(std::min(static_cast<double>(bins->mean.size()) - 1, at));
    for (const auto stop = i - std::lround(std::max(1.0, 1.0 / width)); i >= 0 && i >= stop; --i)
        if (!std::isnan(bins->mean[static_cast<std::size_t>(i)]))
            return double(bins->mean[static_cast<std::size_t>(i)]);
    return kGap;
}

Cell routing(const engine::RunState &state, const std::string &target)
{
    for (auto it = state.responses.rbegin(); it != state.responses.rend(); ++it) {
        if (it->first.target != target || it->to)
            continue;
        if (it->first.kind == "ejection")
            return {.text = ProcessModel::tr("ejected"),
                    .icon = QStringLiteral("warning"),
                    .tone = Tone::Danger};
        if (it->first.kind == "breaker")
            return {.text = ProcessModel::tr("breaker open"),
                    .icon = QStringLiteral("warning"),
                    .tone = Tone::Danger};
    }
    return {.text = ProcessModel::tr("in rotation"),
            .icon = QStringLiteral("check"),
            .tone = Tone::Muted};
}

} // namespace

ProcessModel::ProcessModel(bool canAct, QObject *parent)
    : QAbstractTableModel(parent), m_canAct(canAct)
{
}

ProcessModel::Row ProcessModel::makeRow(const engine::TimelineSnapshot &snapshot,
                                        const engine::ProcessChanged &process, double total) const
{
    const auto &state = *snapshot.state;
    Row row;
    row.target = process.target;
    const bool serves = process.role == "replica" || process.role == "standby";
    row.cells[Name] = {.text = qs(process.target), .strong = true};
    const StateWord word = processWord(process.state);
    row.cells[State] = {.text = word.word, .icon = word.icon, .tone = word.tone};
    QString model = qs(process.model);
    if (!process.version.empty())
        model += QLatin1Char(' ') + qs(process.version);
    row.cells[Model] = {.text = model.isEmpty() ? QStringLiteral("–") : model,
                        .tone = model.isEmpty() ? Tone::Muted : Tone::Plain,
                        .fixed = true};
    if (serves) {
        const double rate = ratePerSecond(snapshot, process.target + ".requests");
        const auto *p99 = findSeries(snapshot, process.target + ".latency.p99");
        row.cells[Rate] = {.text = numberText(rate, 0), .number = true};
        const double share = total > 0 && !std::isnan(rate) ? rate / total : 0;
        row.cells[Share] = {.text = ProcessModel::tr("%1 %").arg(numberText(100 * share, 0)),
                            .share = share,
                            .shareColour = process.role == "standby" ? StandbyPath : PrimaryPath};
        row.cells[P99] = {.text = numberText(newest(snapshot, p99), 0), .number = true};
        if (p99) {
            std::vector<float> values = p99->mean;
            const double upTo = toSeconds(snapshot.playhead - snapshot.from)
                                / std::max(0.001, toSeconds(snapshot.binWidth));
            if (upTo > 2 && upTo < double(values.size()))
                values.resize(static_cast<std::size_t>(upTo));
            row.cells[Spark] = {.spark = std::move(values)};
        }
        row.cells[Routing] = routing(state, process.target);
    } else {
        for (const auto column : {Rate, P99})
            row.cells[static_cast<std::size_t>(column)] = {
                .text = QStringLiteral("–"), .tone = Tone::Muted, .number = true};
    }
    row.cells[Restarts] = {.text = QString::number(process.restarts),
                           .tone = process.restarts ? Tone::Warning : Tone::Muted,
                           .number = true};
    if (m_canAct)
        row.cells[Act] = {.text = tr("Restart"), .button = true};
    return row;
}

void ProcessModel::show(const engine::TimelineSnapshot &snapshot)
{
    std::vector<const engine::ProcessChanged *> processes;
    double total = 0;
    for (const auto &[target, process] : snapshot.state->processes) {
        processes.push_back(&process);
        const double rate = ratePerSecond(snapshot, target + ".requests");
        if ((process.role == "replica" || process.role == "standby") && !std::isnan(rate))
            total += rate;
    }
    std::stable_sort(processes.begin(), processes.end(),
                     [](const auto *a, const auto *b) { return order(*a) < order(*b); });
    const bool sameRows =
        processes.size() == m_rows.size()
        && std::equal(processes.begin(), processes.end(), m_rows.begin(),
                      [](const auto *p, const Row &row) { return p->target == row.target; });
    if (!sameRows) {
        beginResetModel();
        m_rows.clear();
        for (const auto *process : processes)
            m_rows.push_back(makeRow(snapshot, *process, total));
        endResetModel();
        return;
    }
    for (std::size_t i = 0; i < m_rows.size(); ++i) {
        Row row = makeRow(snapshot, *processes[i], total);
        for (std::size_t c = 0; c < ColumnCount; ++c) {
            if (row.cells[c] == m_rows[i].cells[c])
                continue;
            m_rows[i].cells[c] = std::move(row.cells[c]);
            const auto at = index(static_cast<int>(i), static_cast<int>(c));
            Q_EMIT dataChanged(at, at);
        }
    }
}

QString ProcessModel::target(int row) const
{
    if (row < 0 || row >= rowCount())
        return {};
    return qs(m_rows[static_cast<std::size_t>(row)].target);
}

int ProcessModel::rowCount(const QModelIndex &parent) const
{
    return parent.isValid() ? 0 : static_cast<int>(m_rows.size());
}

int ProcessModel::columnCount(const QModelIndex &parent) const
{
    return parent.isValid() ? 0 : (m_canAct ? ColumnCount : ColumnCount - 1);
}

QVariant ProcessModel::data(const QModelIndex &index, int role) const
{
    if (!index.isValid())
        return {};
    const auto &cell = m_rows[static_cast<std::size_t>(index.row())]
                           .cells[static_cast<std::size_t>(index.column())];
    if (role == kCellRole)
        return QVariant::fromValue(cell);
    if (role == Qt::DisplayRole || role == Qt::AccessibleTextRole)
        return cell.text;
    return {};
}

QVariant ProcessModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal || section >= ColumnCount)
        return {};
    const bool right = section == Rate || section == P99 || section == Restarts;
    if (role == Qt::TextAlignmentRole)
        return QVariant::fromValue((right ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
    if (role != Qt::DisplayRole)
        return {};
    const QString names[ColumnCount] = {
        tr("Process"), tr("State"),        tr("Model version"), tr("Req/s"),   tr("Share"),
        tr("p99 ms"),  tr("p99, in view"), tr("Restarts"),      tr("Routing"), QString()};
    return names[section];
}

} // namespace ui
