# hook call
f0:
    mov %r0, 0
    ldxdw %r2, [%r1+8]
    ldxdw %r1, [%r1]
    jge %r1, %r2, i22
    mov %r3, 0
    mov %r4, 0
i6:
    mov %r5, %r3
    and %r5, 7
    lsh %r5, 1
    lddw %r0, data[0]
    add %r0, %r5
    mov %r5, %r1
    add %r5, %r3
    ldxb %r5, [%r5]
    ldxh %r0, [%r0]
    mul %r0, %r5
    add %r0, %r4
    add %r3, 1
    mov %r5, %r1
    add %r5, %r3
    mov %r4, %r0
    jlt %r5, %r2, i6
i22:
    exit
.data 02
.data zero 1
.data 03
.data zero 1
.data 05
.data zero 1
.data 07
.data zero 1
.data 0b
.data zero 1
.data 0d
.data zero 1
.data 11
.data zero 1
.data 13
.data zero 1
.data 01
.data zero 3
.data 02
.data zero 3
.data 03
.data zero 3
.data 04
.data zero 3
