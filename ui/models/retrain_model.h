#pragma once
// The steps of the newest retraining as the recording has them, oldest first.

#include "engine/event/run_state.h"
#include "ui/models/cell.h"

#include <QAbstractTableModel>

namespace ui {

class RetrainModel : public QAbstractTableModel
{
    Q_OBJECT
public:
    enum Column { Since, Step, ColumnCount };

    explicit RetrainModel(QObject *parent = nullptr);
    void show(const engine::RunState &state);
    [[nodiscard]] bool isUnderWay() const { return m_underWay; }

    [[nodiscard]] int rowCount(const QModelIndex &parent = {}) const override;
    [[nodiscard]] int columnCount(const QModelIndex &parent = {}) const override;
    [[nodiscard]] QVariant data(const QModelIndex &index, int role) const override;
    [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation,
                                      int role) const override;

private:
    [[nodiscard]] Cell cell(int row, int column) const;
    std::vector<engine::ResponseView> m_steps;
    bool m_underWay = false;
};

} // namespace ui
