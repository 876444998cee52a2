#include "ui/models/retrain_model.h"

#include "ui/session/words.h"

#include <algorithm>

namespace ui {

namespace {

/// The first step of each retraining begins like this (engine/agent/retraining.cpp).
constexpr std::string_view kFirst = "training on";

} // namespace

RetrainModel::RetrainModel(QObject *parent) : QAbstractTableModel(parent) {}

void RetrainModel::show(const engine::RunState &state)
{
    std::vector<engine::ResponseView> steps;
    for (const auto &response : state.responses) {
        if (response.first.kind != "retrain")
            continue;
        if (std::string_view(response.first.detail).starts_with(kFirst))
            steps.clear();
        steps.push_back(response);
    }
    m_underWay = !steps.empty() && !steps.back().to;
    const bool grew = steps.size() >= m_steps.size()
                      && std::equal(m_steps.begin(), m_steps.end(), steps.begin(),
                                    [](const auto &a, const auto &b) {
                                        return a.from == b.from && a.first.detail == b.first.detail;
                                    });
    if (!grew) {
        beginResetModel();
        m_steps = std::move(steps);
        endResetModel();
        return;
    }
    const int before = rowCount(), after = static_cast<int>(steps.size());
    bool changed = false;
    for (std::size_t i = 0; i < m_steps.size(); ++i)
        changed = changed || m_steps[i].to != steps[i].to;
    if (after > before)
        beginInsertRows({}, before, after - 1);
    m_steps = std::move(steps);
    if (after > before)
        endInsertRows();
    if (before > 0 && (changed || after > before))
        Q_EMIT dataChanged(index(0, 0), index(before - 1, ColumnCount - 1));
}

int RetrainModel::rowCount(const QModelIndex &parent) const
{
    return parent.isValid() ? 0 : static_cast<int>(m_steps.size());
}

int RetrainModel::columnCount(const QModelIndex &parent) const
{
    return parent.isValid() ? 0 : ColumnCount;
}

Cell RetrainModel::cell(int row, int column) const
{
    const auto &step = m_steps[static_cast<std::size_t>(row)];
    if (column == Since)
        return {.text = sinceText(toSeconds(step.from - m_steps.front().from)),
                .tone = Tone::Muted,
                .number = true};
    const bool isNow = m_underWay && row + 1 == rowCount();
    return {.text = qs(step.first.detail),
            .icon = isNow ? QStringLiteral("retrain") : QStringLiteral("check"),
            .tone = isNow ? Tone::Accent : Tone::Plain};
}

QVariant RetrainModel::data(const QModelIndex &index, int role) const
{
    if (!index.isValid())
        return {};
    const Cell value = cell(index.row(), index.column());
    if (role == kCellRole)
        return QVariant::fromValue(value);
    if (role == Qt::DisplayRole || role == Qt::ToolTipRole)
        return value.text;
    return {};
}

QVariant RetrainModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal || section >= ColumnCount)
        return {};
    if (role == Qt::TextAlignmentRole)
        return QVariant::fromValue((section == Since ? Qt::AlignRight : Qt::AlignLeft)
                                   | Qt::AlignVCenter);
    if (role != Qt::DisplayRole)
        return {};
    return section == Since ? tr("After") : tr("Step");
}

} // namespace ui
