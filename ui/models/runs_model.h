#pragma once
// Recent runs, newest first; the built-in recording, where there is one, stays last.

#include "engine/cluster/operations.h"
#include "ui/models/cell.h"

#include <QAbstractTableModel>

namespace ui {

class RunsModel : public QAbstractTableModel
{
    Q_OBJECT
public:
    enum Column { Run, Drill, Verdict, Rto, Budget, Quality, When, ColumnCount };

    explicit RunsModel(QObject *parent = nullptr);
    /// `nowWall`: microseconds since 1970, for "2 d ago".
    void show(std::vector<engine::RecordingSummary> runs, std::int64_t nowWall);
    [[nodiscard]] QString path(int row) const;

    [[nodiscard]] int rowCount(const QModelIndex &parent = {}) const override;
    [[nodiscard]] int columnCount(const QModelIndex &parent = {}) const override;
    [[nodiscard]] QVariant data(const QModelIndex &index, int role) const override;
    [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation,
                                      int role) const override;

private:
    [[nodiscard]] Cell cell(const engine::RecordingSummary &run, int column) const;
    std::vector<engine::RecordingSummary> m_runs;
    std::int64_t m_nowWall = 0;
};

} // namespace ui
