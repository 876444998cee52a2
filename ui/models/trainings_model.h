#pragma once
// Trainings, newest first: what, state with progress, figure, time. Rows keep their place while
// their contents change, so that a selection stays.

#include "engine/cluster/trainings.h"
#include "ui/models/cell.h"

#include <QAbstractTableModel>

namespace ui {

class TrainingsModel : public QAbstractTableModel
{
    Q_OBJECT
public:
    enum Column { Run, State, Progress, Figure, Took, ColumnCount };

    explicit TrainingsModel(QObject *parent = nullptr);
    /// Tells of rows that came or went, and of cells that changed; nothing when all is the same.
    void show(std::vector<engine::TrainingSummary> trainings);
    /// Null for a row that is not there.
    [[nodiscard]] const engine::TrainingSummary *training(int row) const;
    /// -1 when no row is of this recording.
    [[nodiscard]] int rowOf(const std::string &recording) const;

    [[nodiscard]] int rowCount(const QModelIndex &parent = {}) const override;
    [[nodiscard]] int columnCount(const QModelIndex &parent = {}) const override;
    [[nodiscard]] QVariant data(const QModelIndex &index, int role) const override;
    [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation,
                                      int role) const override;

private:
    struct Row
    {
        engine::TrainingSummary training;
        std::array<Cell, ColumnCount> cells;
    };
    [[nodiscard]] static Row row(engine::TrainingSummary training);
    std::vector<Row> m_rows;
};

} // namespace ui
