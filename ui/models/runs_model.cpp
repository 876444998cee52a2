#include "ui/models/runs_model.h"

#include "ui/session/run_facts.h"

#include <QDateTime>
#include <QFileInfo>
#include <QLocale>

#include <algorithm>

namespace ui {

namespace {

QString whenText(std::int64_t wall, std::int64_t now)
{
    const auto minutes = (now - wall) / 60'000'000;
    if (minutes < 1)
        return RunsModel::tr("just now");
    if (minutes < 60)
        return RunsModel::tr("%1 min ago").arg(minutes);
    if (minutes < 48 * 60)
        return RunsModel::tr("%1 h ago").arg(minutes / 60);
    if (minutes < 14 * 24 * 60)
        return RunsModel::tr("%1 d ago").arg(minutes / (24 * 60));
    return QLocale().toString(QDateTime::fromMSecsSinceEpoch(wall / 1000).date(),
                              QLocale::ShortFormat);
}

} // namespace

RunsModel::RunsModel(QObject *parent) : QAbstractTableModel(parent) {}

void RunsModel::show(std::vector<engine::RecordingSummary> runs, std::int64_t nowWall)
{
    std::stable_sort(runs.begin(), runs.end(), [](const auto &a, const auto &b) {
        return a.builtIn != b.builtIn ? b.builtIn : a.wall > b.wall;
    });
    beginResetModel();
    m_runs = std::move(runs);
    m_nowWall = nowWall;
    endResetModel();
}

QString RunsModel::path(int row) const
{
    if (row < 0 || row >= rowCount())
        return {};
    return qs(m_runs[static_cast<std::size_t>(row)].path);
}

int RunsModel::rowCount(const QModelIndex &parent) const
{
    return parent.isValid() ? 0 : static_cast<int>(m_runs.size());
}

int RunsModel::columnCount(const QModelIndex &parent) const
{
    return parent.isValid() ? 0 : ColumnCount;
}

Cell RunsModel::cell(const engine::RecordingSummary &run, int column) const
{
    const auto number = [](std::optional<double> value, double scale, int decimals,
                           const QString &unit) {
        Cell cell{.text = QStringLiteral("–"), .number = true};
        if (value)
            cell.text = numberText(*value * scale, decimals) + unit;
        return cell;
    };
    const auto verdict = run.verdict.value_or(engine::Verdict{});
    switch (column) {
    case Run:
        return {.text = run.builtIn ? tr("demo")
                                    : QFileInfo(qs(run.path)).completeBaseName().left(17).mid(5),
                .tone = Tone::Muted,
                .fixed = true};
    case Drill:
        if (!run.error.empty())
            return {
                .text = qs(run.error), .icon = QStringLiteral("warning"), .tone = Tone::Warning};
        return {.text = run.drill.empty() ? tr("no drill") : qs(run.drill),
                .icon = QStringLiteral("playback")};
    case Verdict: {
        if (!run.verdict)
            return {.text = run.closed ? QStringLiteral("–") : tr("not closed"),
                    .tone = Tone::Muted};
        const StateWord word = verdictWord(verdict.word);
        return {.text = word.word, .icon = word.icon, .tone = word.tone};
    }
    case Rto:
        return number(verdict.rtoSeconds, 1, 1, tr(" s"));
    case Budget:
        return number(verdict.budget, 100, 2, tr(" %"));
    case Quality:
        return number(verdict.quality, 1, 3, {});
    case When:
        return {.text = run.builtIn     ? tr("always here")
                        : run.wall == 0 ? QStringLiteral("–")
                                        : whenText(run.wall, m_nowWall),
                .tone = Tone::Muted};
    }
    return {};
}

QVariant RunsModel::data(const QModelIndex &index, int role) const
{
    if (!index.isValid())
        return {};
    const Cell value = cell(m_runs[static_cast<std::size_t>(index.row())], index.column());
    if (role == kCellRole)
        return QVariant::fromValue(value);
    if (role == Qt::DisplayRole || role == Qt::ToolTipRole)
        return value.text;
    return {};
}

QVariant RunsModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal || section >= ColumnCount)
        return {};
    const bool right = section == Rto || section == Budget || section == Quality;
    if (role == Qt::TextAlignmentRole)
        return QVariant::fromValue((right ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
    if (role != Qt::DisplayRole)
        return {};
    const QString names[ColumnCount] = {tr("Run"),    tr("Drill"),   tr("Verdict"), tr("RTO"),
                                        tr("Budget"), tr("Quality"), tr("When")};
    return names[section];
}

} // namespace ui
