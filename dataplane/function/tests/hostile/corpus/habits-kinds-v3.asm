# hook call
f0:
    mov %r0, 0
    ldxdw %r2, [%r1+8]
    ldxdw %r1, [%r1]
    mov %r3, %r1
    add %r3, 9
    jgt %r3, %r2, i32
    mov %r0, 1
    ldxb %r2, [%r1]
    jsgt32 %r2, 1, i14
    jeq32 %r2, 0, i25
    jeq32 %r2, 1, i12
    ja i32
i12:
    ldxw %r0, [%r1+5]
    ja i32
i14:
    jeq32 %r2, 2, i27
    jeq32 %r2, 3, i31
    jeq32 %r2, 4, i18
    ja i32
i18:
    ldxb %r1, [%r1+1]
    and %r1, 7
    lsh %r1, 1
    lddw %r2, data[0]
    add %r2, %r1
    ldxh %r0, [%r2]
    ja i32
i25:
    ldxdw %r0, [%r1+1]
    ja i32
i27:
    ldxh %r0, [%r1+3]
    lsh %r0, 48
    arsh %r0, 48
    ja i32
i31:
    ldxb %r0, [%r1+8]
i32:
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
