#pragma once
// The measures of a verdict: rule, measured, limit used, verdict; one row each.

#include "engine/drill/verdict.h"
#include "ui/models/cell.h"

#include <QAbstractTableModel>

namespace ui {

class MeasureModel : public QAbstractTableModel
{
    Q_OBJECT
public:
    enum Column { Measure, Rule, Measured, LimitUsed, Verdict, ColumnCount };

    explicit MeasureModel(QObject *parent = nullptr);
    void show(const std::vector<engine::Measure> &measures);

    [[nodiscard]] int rowCount(const QModelIndex &parent = {}) const override;
    [[nodiscard]] int columnCount(const QModelIndex &parent = {}) const override;
    [[nodiscard]] QVariant data(const QModelIndex &index, int role) const override;
    [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation,
                                      int role) const override;

private:
    std::vector<std::array<Cell, ColumnCount>> m_rows;
};

/// "<= 10 s" as "at most 10 s".
[[nodiscard]] QString ruleWords(const std::string &rule);
/// A measured value in its unit: shares of a budget in %, quality as a ratio.
[[nodiscard]] QString measuredText(const engine::Measure &measure);

} // namespace ui
