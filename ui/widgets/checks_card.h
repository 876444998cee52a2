#pragma once
// "This workstation": every check is a line; a failed one carries its fix. GUI thread.

#include "engine/cluster/operations.h"

#include <QFrame>

class QLabel;
class QVBoxLayout;

namespace ui {

class ChecksCard : public QFrame
{
    Q_OBJECT
public:
    explicit ChecksCard(QWidget *parent = nullptr);
    void show(const std::vector<engine::Check> &checks);

private:
    QWidget *line(const engine::Check &check);
    QLabel *m_count = nullptr;
    QVBoxLayout *m_list = nullptr;
};

} // namespace ui
